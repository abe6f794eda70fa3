package input

import (
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// nextGate is a comma between two gates: plugins get a list as one line. Another
// comma may belong to an address.
var nextGate = lazyregexp.New(`,\s*(` + strings.Join(gate.Moments(), "|") + `)=`)

// gateLines writes a line of several gates as several lines.
func gateLines(text string) string {
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		return text
	}
	return nextGate.ReplaceAllString(text, "\n$1=")
}

// gates reads whom to ask at each moment: one after the other, parted by spaces. A
// message shows no address: its query may be a secret.
func (d *decoder) gates(pairs map[string]string) []gate.Gate {
	var all []gate.Gate
	moments := gate.Moments()
	for moment := range pairs {
		if !slices.Contains(moments, moment) {
			hint := diag.DidYouMean(moment, moments)
			if hint == "" {
				hint = "one of " + strings.Join(moments, ", ")
			}
			d.fail(hint, "%q is not a moment of a run", moment)
		}
	}
	for _, moment := range moments {
		text, has := pairs[moment]
		if !has {
			continue
		}
		fields := strings.Fields(text)
		if len(fields) == 0 {
			d.fail("write "+moment+"=https://… or "+moment+"=arn:aws:lambda:…", "%s has nobody to ask", moment)
		}
		for _, field := range fields {
			to, err := gate.ParseDestination(field)
			if err != nil {
				d.fail("write "+moment+"=https://… or "+moment+"=arn:aws:lambda:REGION:ACCOUNT:function:NAME", "%s: %v", moment, err)
				continue
			}
			all = append(all, gate.Gate{Moment: gate.Moment(moment), To: to})
		}
	}
	return all
}

// gateSecrets are the parts of addresses that nobody should see.
func gateSecrets(gates []gate.Gate) []Secret {
	var all []Secret
	for _, g := range gates {
		if a, is := g.To.(gate.Address); is {
			for _, s := range a.Secrets() {
				all = append(all, Secret{"of gates", s})
			}
		}
	}
	return all
}

// crossCheckGates finds what belongs to gates and has none.
func (s *Set) crossCheckGates(fail func(message, hint string)) {
	secret := s.values["gate-secret"]
	if secret.given && !s.values["gates"].given {
		fail("gate-secret is given without gates", "name the gates")
	}
	if err := gate.CheckSecret(secret.text); err != nil {
		fail("gate-secret: "+err.Error(), "give the key in base64 after whsec_, or any other text")
	}
}
