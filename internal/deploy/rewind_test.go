package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/history"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// truth is what the alias live of shop pointed to from a time on; nil where it did
// not exist. life counts the functions of that name.
type truth struct {
	at   time.Time
	to   *history.Pointer
	life int
}

// witness sees every change of the alias.
type witness struct {
	mu   sync.Mutex
	seen []truth
	life int
}

type copied struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *copied) WriteHeader(status int) { c.status = status; c.ResponseWriter.WriteHeader(status) }
func (c *copied) Write(p []byte) (int, error) {
	c.body.Write(p)
	return c.ResponseWriter.Write(p)
}

func (w *witness) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c := &copied{ResponseWriter: rw, status: http.StatusOK}
		next.ServeHTTP(c, r)
		if r.Method == http.MethodGet || c.status >= 300 {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, "/functions/shop") && r.Method == http.MethodDelete && r.URL.Query().Get("Qualifier") == "":
			w.life++
			w.seen = append(w.seen, truth{at: time.Now(), life: w.life})
		case strings.Contains(path, "/functions/shop/aliases") && r.Method == http.MethodDelete:
			w.seen = append(w.seen, truth{at: time.Now(), life: w.life})
		case strings.Contains(path, "/functions/shop/aliases"):
			var a struct {
				FunctionVersion string
				RoutingConfig   struct{ AdditionalVersionWeights map[string]float64 }
			}
			if err := json.Unmarshal(c.body.Bytes(), &a); err != nil {
				panic(err)
			}
			w.seen = append(w.seen, truth{time.Now(), &history.Pointer{Version: a.FunctionVersion, Weights: a.RoutingConfig.AdditionalVersionWeights}, w.life})
		}
	})
}

// when is the truth at an instant.
func (w *witness) when(at time.Time) truth {
	w.mu.Lock()
	defer w.mu.Unlock()
	var now truth
	for _, t := range w.seen {
		if !t.at.After(at) {
			now = t
		}
	}
	return now
}

// past is a random past of a function.
type past struct {
	*fixture
	*witness
	random         *rand.Rand
	asked, proven  int
	restored, code int
}

// change does one thing that deployments, shifts, rollbacks and others do. What is
// refused in the current state changes nothing.
func (p *past) change() {
	ctx, name, live := p.Context(), aws.String("shop"), aws.String("live")
	p.runs = 0
	move := func(in lambda.UpdateAliasInput) {
		in.FunctionName, in.Name = name, live
		_, _ = p.lambda.UpdateAlias(ctx, &in)
	}
	versions := p.published()
	some := func() *string { return aws.String(versions[p.random.IntN(len(versions))]) }
	switch what := p.random.IntN(17); {
	case what < 5 || len(versions) < 2:
		p.code++
		p.write("code/index.js", fmt.Sprint("code ", p.code))
		_, _ = p.deploy(ctx, "function.yaml")
	case what == 5:
		_, _ = p.rollback()
	case what == 6:
		move(lambda.UpdateAliasInput{FunctionVersion: some()})
	case what == 7:
		if now, err := p.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: name, Name: live}); err == nil {
			move(lambda.UpdateAliasInput{FunctionVersion: some(), RevisionId: now.RevisionId})
		}
	case what == 8:
		move(lambda.UpdateAliasInput{RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{*some(): 0.25}}})
	case what == 9:
		move(lambda.UpdateAliasInput{RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}})
	case what == 10: // within one second, as a script does
		for range 3 {
			move(lambda.UpdateAliasInput{FunctionVersion: some()})
			time.Sleep(time.Duration(p.random.IntN(400)) * time.Millisecond)
		}
	case what == 11:
		move(lambda.UpdateAliasInput{Description: aws.String(fmt.Sprint(p.random.Int()))})
	case what == 12:
		_, _ = p.lambda.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: name, Name: live})
	case what == 13:
		_, _ = p.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: name, Qualifier: some()})
	case what == 15:
		r := RequestOf(definition.Name{Name: "shop"})
		r.Version = *some()
		r.Aliases["live"] = r.Version
		_, _ = p.shift(ctx, r, traffic.Schedule{{Percent: 10}})
	case what == 14 && p.random.IntN(3) == 0:
		_, _ = p.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: name})
	default:
		_, _ = p.lambda.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: name, Name: live, FunctionVersion: some()})
	}
}

// published are the versions of shop.
func (p *past) published() []string {
	out, err := p.lambda.ListVersionsByFunction(p.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("shop")})
	if err != nil {
		return nil
	}
	var numbers []string
	for _, v := range out.Versions[1:] {
		numbers = append(numbers, *v.Version)
	}
	return numbers
}

// ask asks about instants of the past, half of them next to a change, and compares
// with what was.
func (p *past) ask(begun time.Time) {
	p.Helper()
	found, err := NewHistorian(p.connect(), nil, time.Now).Function(p.Context(), definition.Name{Name: "shop"})
	if err != nil {
		return // there is no function now
	}
	for i := range 12 {
		at := begun.Add(time.Duration(p.random.Int64N(int64(time.Since(begun)))))
		if i%2 == 0 && len(p.seen) > 0 {
			at = p.seen[p.random.IntN(len(p.seen))].at.Add(time.Duration(p.random.IntN(4000)-2000) * time.Millisecond)
		}
		if at.After(time.Now()) {
			continue
		}
		p.asked++
		got, err := found.At("live", at)
		was := p.when(at)
		var unproven *history.UnprovenError
		switch {
		case err == nil && (was.to == nil || !was.to.Equal(got.Pointer) || was.life != p.life):
			p.Errorf("at %s: %s by %q, but it was %v (function %d of %d)", at, got, got.Proof, was.to, was.life, p.life)
		case err == nil:
			p.proven++
			if i == 1 {
				p.restore(at, got.Pointer)
			}
		case !errors.As(err, &unproven):
			p.Error(err)
		case found.Alias("live") != nil && found.Alias("live").Now.Version != "$LATEST" && len(unproven.Candidates) == 0:
			p.Errorf("at %s: no candidates: %v", at, err)
		}
	}
}

// restore rolls the alias back to an instant as the command does.
func (p *past) restore(at time.Time, want history.Pointer) {
	p.Helper()
	r := RequestOf(definition.Name{Name: "shop"})
	r.Aliases["live"] = ""
	requests, proofs, err := NewHistorian(p.connect(), nil, time.Now).Rewind(p.Context(), []Request{r}, At(at))
	if err != nil || len(proofs) != 1 {
		p.Fatalf("%v, %v", proofs, err)
	}
	target, err := Manual(p.Context(), p.connect(), requests[0], RunID("back"))
	if err != nil {
		p.Fatal(err)
	}
	if len(target.Steps) > 0 {
		record := p.record(target.Run)
		record.Header.Salt, record.Header.Targets = target.Salt, []journal.Target{target.Target}
		j, err := record.Adopt(p.Context(), target, time.Now)
		if err != nil {
			p.Fatal(err)
		}
		if _, err := Rollback(p.Context(), j, p.access, time.Minute, p.work()); err != nil {
			p.Fatal(err)
		}
		if err := j.Close(); err != nil {
			p.Fatal(err)
		}
	}
	if now := p.when(time.Now()); now.to == nil || !now.to.Equal(want) {
		p.Errorf("restored %v, want %s", now.to, want)
	}
	p.restored++
}

// Whatever deployments, shifts, rollbacks and others did: an instant is restored
// exactly, or not at all.
func TestEveryInstantIsExactOrRefused(t *testing.T) {
	seeds := 1
	if *full {
		seeds = 30
	}
	for seed := range seeds {
		w := &witness{}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			run(t, awslocal.Options{TrailDelay: 14 * time.Minute}, func(f *fixture) {
				p := &past{fixture: f, witness: w, random: rand.New(rand.NewPCG(uint64(seed), 14))}
				begun := time.Now()
				pauses := []time.Duration{300 * time.Millisecond, 5 * time.Second, 7 * time.Minute, 2 * time.Hour, 30 * time.Hour, 6 * 24 * time.Hour}
				for range 50 {
					p.change()
					time.Sleep(pauses[p.random.IntN(len(pauses))] + time.Duration(p.random.Int64N(int64(time.Second))))
					p.ask(begun)
				}
				t.Logf("%d instants: %d proven, %d restored", p.asked, p.proven, p.restored)
				if p.asked < 100 || p.proven < p.asked/10 || p.proven == p.asked || p.restored == 0 {
					t.Errorf("of %d instants %d were proven and %d restored", p.asked, p.proven, p.restored)
				}
			}, w.wrap)
		})
	}
}

func TestACommitGoesBackToItsVersion(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		for _, code := range []string{"1", "2", "3"} {
			f.commit = strings.Repeat("abcdef"+code, 5)
			f.deployCode(code)
		}
		r := RequestOf(definition.Name{Name: "shop"})
		r.Aliases["live"] = ""
		requests, proofs, err := NewHistorian(f.connect(), nil, time.Now).Rewind(f.Context(), []Request{r}, Commit("abcdef2"))
		if err != nil || len(proofs) != 1 || requests[0].Aliases["live"] != "2" {
			t.Errorf("%v, %v, %v", requests, proofs, err)
		}
		_, _, err = NewHistorian(f.connect(), nil, time.Now).Rewind(f.Context(), []Request{r}, Commit("abcdef4"))
		var unproven *history.UnprovenError
		var notStarted *NotStartedError
		if !errors.As(err, &unproven) || !errors.As(err, &notStarted) || !strings.Contains(err.Error(), "no version that still exists") {
			t.Errorf("%v", err)
		}
		lost := RequestOf(definition.Name{Name: "lost"})
		lost.Aliases["live"] = ""
		_, _, err = NewHistorian(f.connect(), nil, time.Now).Rewind(f.Context(), []Request{lost}, Commit("abcdef2"))
		if !errors.As(err, &notStarted) || err.Error() != "there is no function lost in us-east-1" {
			t.Errorf("%v", err)
		}
	})
}
