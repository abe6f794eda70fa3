// Package call is what every service of the embedded AWS knows of the request
// it serves: who calls, in which account and Region, and how an error is
// written in the service's own protocol.
//
// It holds no state and decides nothing: the server puts a Caller and a Record
// into the request's context, the services read and complete them.
package api

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// DefaultAccount is the account of credentials that name none.
const DefaultAccount = "000000000000"

// Clock tells the time of the embedded AWS; tests move it.
type Clock func() time.Time

// Service is one AWS service behind the server.
type Service interface {
	http.Handler
	// Operation names the API call that r makes ("CreateFunction"), or "" where
	// there is none. It may call r.ParseForm; it must not answer.
	Operation(r *http.Request) string
}

// Caller is who makes a call, and where.
type Caller struct {
	Account      string // twelve digits
	Region       string
	AccessKeyID  string
	PrincipalARN string
}

// Record is what the call log keeps of one call. The service completes it.
type Record struct {
	Service   string
	Operation string
	Resource  string // the function, bucket or role, where there is one
	Changed   bool   // the call changed something that lasts
}

type callerKey struct{}
type recordKey struct{}

// With returns ctx carrying the caller and the record of its call.
func With(ctx context.Context, c Caller, r *Record) context.Context {
	return context.WithValue(context.WithValue(ctx, callerKey{}, c), recordKey{}, r)
}

// From returns the caller of ctx; outside a request that of the default
// account in us-east-1.
func From(ctx context.Context) Caller {
	if c, ok := ctx.Value(callerKey{}).(Caller); ok {
		return c
	}
	return Caller{Account: DefaultAccount, Region: "us-east-1"}
}

// RecordOf returns the record of ctx's call. Outside a request it is a fresh
// one that nobody reads.
func RecordOf(ctx context.Context) *Record {
	if r, ok := ctx.Value(recordKey{}).(*Record); ok {
		return r
	}
	return &Record{}
}

// Changed marks ctx's call as one that changed something that lasts.
func Changed(ctx context.Context) { RecordOf(ctx).Changed = true }

// Partition is the ARN partition of a Region.
func Partition(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.id
		}
	}
	return "aws"
}

// partitions, besides the default one, by the beginnings of their Regions' names
// (https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html).
var partitions = []struct{ prefix, id string }{
	{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"eusc-", "aws-eusc"},
	{"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"}, {"eu-isoe-", "aws-iso-e"}, {"us-isof-", "aws-iso-f"},
}
