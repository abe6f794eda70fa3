package cloudwatch

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Limits of a rule ("PutCompositeAlarm", AlarmRule).
const (
	maxRule      = 10240
	maxRuleDepth = 100
)

// rule is the expression of a composite alarm: a function of states, TRUE, FALSE,
// NOT, AND, OR or AT_LEAST.
type rule struct {
	op    string
	state string // of ALARM(…), OK(…), INSUFFICIENT_DATA(…) and AT_LEAST
	least int    // of AT_LEAST
	names []string
	parts []*rule
}

// alarms are the names that a rule mentions.
func (r *rule) alarms() []string {
	names := slices.Clone(r.names)
	for _, p := range r.parts {
		names = append(names, p.alarms()...)
	}
	return names
}

// holds evaluates a rule on the states of alarms.
func (r *rule) holds(state func(name string) string) bool {
	switch r.op {
	case "TRUE":
		return true
	case "NOT":
		return !r.parts[0].holds(state)
	case "AND":
		return r.parts[0].holds(state) && r.parts[1].holds(state)
	case "OR":
		return r.parts[0].holds(state) || r.parts[1].holds(state)
	case "AT_LEAST":
		n := 0
		for _, name := range r.names {
			if state(name) == r.state {
				n++
			}
		}
		return n >= r.least
	}
	return false // FALSE
}

var ruleToken = lazyregexp.New(`^\s*("[^"]*"|[(),]|[^\s(),"]+)`)

// ruleParser reads a rule, with NOT before AND before OR.
type ruleParser struct {
	tokens []string
	depth  int
}

func parseRule(text string) (*rule, error) {
	if len(text) > maxRule {
		return nil, fmt.Errorf("it is longer than %d characters", maxRule)
	}
	p := &ruleParser{}
	for rest := text; strings.TrimSpace(rest) != ""; {
		m := ruleToken.FindStringSubmatch(rest)
		if m == nil {
			return nil, errors.New("a quotation mark is not closed")
		}
		p.tokens = append(p.tokens, m[1])
		rest = rest[len(m[0]):]
	}
	r, err := p.or()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("unexpected %q", p.tokens[0])
	}
	return r, err
}

func (p *ruleParser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *ruleParser) next() string {
	t := p.peek()
	if len(p.tokens) > 0 {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *ruleParser) expect(token string) error {
	if got := p.next(); got != token {
		return fmt.Errorf("expected %q, found %q", token, got)
	}
	return nil
}

func (p *ruleParser) or() (*rule, error)  { return p.binary("OR", p.and) }
func (p *ruleParser) and() (*rule, error) { return p.binary("AND", p.term) }

func (p *ruleParser) binary(op string, operand func() (*rule, error)) (*rule, error) {
	left, err := operand()
	for err == nil && p.peek() == op {
		p.next()
		var right *rule
		if right, err = operand(); err == nil {
			left = &rule{op: op, parts: []*rule{left, right}}
		}
	}
	return left, err
}

func (p *ruleParser) term() (*rule, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxRuleDepth {
		return nil, errors.New("it nests too deep")
	}
	switch t := p.next(); t {
	case "TRUE", "FALSE":
		return &rule{op: t}, nil
	case "NOT":
		inner, err := p.term()
		return &rule{op: t, parts: []*rule{inner}}, err
	case "(":
		inner, err := p.or()
		return inner, errors.Join(err, p.expect(")"))
	case stateAlarm, stateOK, stateInsufficient:
		if err := p.expect("("); err != nil {
			return nil, err
		}
		name := alarmName(p.next())
		return &rule{op: "AT_LEAST", least: 1, state: t, names: []string{name}}, p.expect(")")
	case "AT_LEAST":
		return p.atLeast()
	default:
		return nil, fmt.Errorf("unexpected %q", t)
	}
}

// atLeast reads AT_LEAST(2, ALARM, (a, b, c)), where the number may be a share
// such as 50%.
func (p *ruleParser) atLeast() (*rule, error) {
	r := &rule{op: "AT_LEAST"}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	number := p.next()
	percent, share := strings.CutSuffix(number, "%")
	n, err := strconv.Atoi(percent)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("AT_LEAST takes a number or a percentage, not %q", number)
	}
	if err := p.expect(","); err != nil {
		return nil, err
	}
	r.state = p.next()
	if err := errors.Join(p.expect(","), p.expect("(")); err != nil {
		return nil, err
	}
	for {
		r.names = append(r.names, alarmName(p.next()))
		if p.peek() != "," {
			break
		}
		p.next()
	}
	r.least = n
	if share {
		r.least = (len(r.names)*n + 99) / 100
	}
	return r, errors.Join(p.expect(")"), p.expect(")"))
}

// alarmName is the name that a rule gives, quoted, plain or as an ARN.
func alarmName(token string) string {
	name := strings.Trim(token, `"`)
	if _, after, ok := strings.Cut(name, ":alarm:"); ok && strings.HasPrefix(name, "arn:") {
		return after
	}
	return name
}

// evaluateComposites moves composite alarms until none changes any more, at most
// once for each that there is: rules that go round in a circle end so, too. A state
// that SetAlarmState set stays until one of the alarms below it changes
// ("SetAlarmState").
func (s *Service) evaluateComposites(c api.Caller, composites []*alarm) *api.Error {
	for range composites {
		changed := false
		for _, a := range composites {
			current := s.alarms[alarmKey(c, a.AlarmName)]
			r, err := parseRule(a.AlarmRule)
			if err != nil || !s.newerBelow(c, r, current) {
				continue
			}
			state := alarmIf(r.holds(func(name string) string { return s.stateOf(c, name) }))
			if state == current.StateValue {
				continue
			}
			changed = true
			if err := s.move(c, current, state, "The alarm rule "+a.AlarmRule+" evaluates to "+state); err != nil {
				return err
			}
		}
		if !changed {
			return nil
		}
	}
	return nil
}

func (s *Service) stateOf(c api.Caller, name string) string {
	if a := s.alarms[alarmKey(c, name)]; a != nil {
		return a.StateValue
	}
	return ""
}

// newerBelow reports whether a composite alarm may be evaluated.
func (s *Service) newerBelow(c api.Caller, r *rule, a *alarm) bool {
	return a.SetAt.IsZero() || slices.ContainsFunc(r.alarms(), func(name string) bool {
		below := s.alarms[alarmKey(c, name)]
		return below != nil && below.StateTransitionedTimestamp.After(a.SetAt)
	})
}
