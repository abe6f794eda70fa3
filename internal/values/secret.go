package values

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// whole is a secret without the key: one call reads all of its keys.
func (s Secret) whole() Secret {
	s.Key = ""
	return s
}

// ARN is a secret's ARN in the account and Region of the caller. AWS adds six
// characters to a name that nobody else knows
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html).
func (s Secret) ARN(partition, region, account string) string {
	if strings.HasPrefix(s.ID, "arn:") {
		return s.ID
	}
	return "arn:" + partition + ":secretsmanager:" + region + ":" + account + ":secret:" + s.ID + "-??????"
}

func (r *Reader) readSecrets(ctx context.Context, wanted []Secret) {
	var wholes []Secret
	for _, s := range wanted {
		if !slices.Contains(wholes, s.whole()) {
			wholes = append(wholes, s.whole())
		}
	}
	if len(wholes) == 0 {
		return
	}
	open, err := r.session(ctx)
	results := make([]Result, len(wholes))
	sideBySide(len(wholes), func(i int) {
		if known, ok := r.known[wholes[i]]; ok {
			results[i] = known
			return
		}
		if results[i] = (Result{Err: err}); err == nil {
			results[i] = readSecret(ctx, open, wholes[i])
		}
	})
	for i, s := range wholes {
		r.known[s] = results[i]
	}
	for _, s := range wanted {
		if s.Key != "" {
			r.known[s] = field(r.known[s.whole()], s.Key)
		}
	}
}

func readSecret(ctx context.Context, s *session.Session, wanted Secret) Result {
	in, err := region(s, wanted.ID)
	if err != nil {
		return Result{Err: err}
	}
	caller := s.Caller(session.Service{
		ID: "Secrets Manager", SigningName: "secretsmanager", Region: in,
		Endpoint: endpoint(ctx, s, "secretsmanager", in), Target: "secretsmanager",
	})
	question := map[string]string{"SecretId": wanted.ID}
	if wanted.Stage != "" {
		question["VersionStage"] = wanted.Stage
	}
	if wanted.Version != "" {
		question["VersionId"] = wanted.Version
	}
	var answer struct {
		SecretString *string
		SecretBinary []byte
	}
	if err := caller.JSON(ctx, "GetSecretValue", question, &answer); err != nil {
		return Result{Err: explainSecret(err, wanted, in)}
	}
	if answer.SecretString == nil {
		return Result{Err: fmt.Errorf("the secret %s is binary (%d bytes), and a value is text: store it as text, in base64 for instance", wanted.ID, len(answer.SecretBinary))}
	}
	return textOf(*answer.SecretString, true)
}

// explainSecret names what is missing: the secret, its version, or a permission.
func explainSecret(err error, s Secret, region string) error {
	api, ok := errors.AsType[smithy.APIError](err)
	switch {
	case ok && api.ErrorCode() == "ResourceNotFoundException" && s.Stage+s.Version != "":
		return fmt.Errorf("Secrets Manager in %s has no secret %s, or none with the version %s", region, s.ID, s.Stage+s.Version)
	case ok && api.ErrorCode() == "ResourceNotFoundException":
		return fmt.Errorf("Secrets Manager in %s has no secret %s with a value", region, s.ID)
	case ok && api.ErrorCode() == "DecryptionFailure":
		return fmt.Errorf("the key that the secret %s is encrypted with cannot be used: %s: kms:Decrypt on it is needed", s.ID, api.ErrorMessage())
	}
	return session.Explain(err, session.Call{Action: "secretsmanager:GetSecretValue", Resource: s.ARN(awsfacts.PartitionOf(region).ID, region, "*")})
}

// field takes a field out of a secret that is a JSON object. An error shows the
// names of fields, never a value.
func field(whole Result, key string) Result {
	if whole.Err != nil {
		return whole
	}
	d := json.NewDecoder(strings.NewReader(whole.Text))
	d.UseNumber()
	var fields map[string]json.RawMessage
	if err := d.Decode(&fields); err != nil || fields == nil {
		return Result{Err: fmt.Errorf("the secret is not a JSON object, so it has no key %q: leave out #%s", key, key)}
	}
	raw, ok := fields[key]
	if !ok {
		names := slices.Sorted(maps.Keys(fields))
		hint := diag.DidYouMean(key, names)
		if hint == "" {
			hint = "it has " + strings.Join(names, ", ")
		}
		return Result{Err: fmt.Errorf("the secret has no key %q (%s)", key, hint)}
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return Result{Err: err}
		}
		text = compact.String()
	}
	if string(raw) == "null" {
		text = ""
	}
	return textOf(text, true)
}
