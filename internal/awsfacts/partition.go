// Package awsfacts holds the facts about AWS that more than one package of the
// client side needs: partitions and their host names, the form of a Region's
// name, the rates of the control planes, and the error codes and messages that
// decide what the program does.
//
// It makes no call, imports no package of this program but lazyregexp and no SDK,
// and holds no state. The embedded AWS keeps facts of its own, so that a wrong
// figure here does not hide behind the same wrong figure there; a test compares
// both.
package awsfacts

import (
	"net/url"
	"slices"
	"strings"
)

// Partition is a group of Regions with its own accounts and host names
// (https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html).
type Partition struct {
	// ID is the second part of the partition's ARNs.
	ID string
	// DNSSuffix ends the host names of its services.
	DNSSuffix string
	// Console is the host name of its management console; empty where it is not
	// public.
	Console string
	// IAM is the endpoint of its one IAM, and IAMRegion the Region that requests
	// to it are signed for
	// (https://docs.aws.amazon.com/general/latest/gr/iam-service.html, and the
	// endpoint rules of AWS's SDKs).
	IAM, IAMRegion string

	// prefixes begin the names of its Regions.
	prefixes []string
}

// Registry is the host name of an account's private ECR registry
// (https://docs.aws.amazon.com/general/latest/gr/ecr.html).
func (p Partition) Registry(account, region string) string {
	return account + ".dkr.ecr." + region + "." + p.DNSSuffix
}

// partitions are those of the SDK's endpoint rules, the default one last: the
// prefixes of the others are longer.
var partitions = []Partition{
	{"aws-cn", "amazonaws.com.cn", "console.amazonaws.cn", "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1", []string{"cn-"}},
	{"aws-us-gov", "amazonaws.com", "console.amazonaws-us-gov.com", "https://iam.us-gov.amazonaws.com", "us-gov-west-1", []string{"us-gov-"}},
	{"aws-eusc", "amazonaws.eu", "console.amazonaws-eusc.eu", "https://iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", []string{"eusc-"}},
	{"aws-iso", "c2s.ic.gov", "", "https://iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", []string{"us-iso-"}},
	{"aws-iso-b", "sc2s.sgov.gov", "", "https://iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", []string{"us-isob-"}},
	{"aws-iso-e", "cloud.adc-e.uk", "", "https://iam.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", []string{"eu-isoe-"}},
	{"aws-iso-f", "csp.hci.ic.gov", "", "https://iam.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", []string{"us-isof-"}},
	{"aws", "amazonaws.com", "console.aws.amazon.com", "https://iam.amazonaws.com", "us-east-1", []string{""}},
}

// Partitions are all partitions, the default one last.
func Partitions() []Partition { return partitions }

// PartitionOf is the partition that a Region belongs to; a Region that nobody
// knows yet belongs to the default one.
func PartitionOf(region string) Partition {
	for _, p := range partitions {
		for _, prefix := range p.prefixes {
			if strings.HasPrefix(region, prefix) {
				return p
			}
		}
	}
	return partitions[len(partitions)-1]
}

// PartitionNamed is the partition with an ID.
func PartitionNamed(id string) (Partition, bool) {
	for _, p := range partitions {
		if p.ID == id {
			return p, true
		}
	}
	return Partition{}, false
}

// IsEndpoint reports whether a URL that takes the place of a service's own
// endpoint is AWS' all the same: the FIPS one, that of a VPC, or of another
// Region. "" means the service's own.
func IsEndpoint(endpoint string) bool {
	if endpoint == "" {
		return true
	}
	at, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := strings.ToLower(at.Hostname())
	under := func(suffix string) bool { return strings.HasSuffix(host, "."+suffix) }
	return slices.ContainsFunc(partitions, func(p Partition) bool { return under(p.DNSSuffix) }) || slices.ContainsFunc(dualStack, under)
}

// dualStack are the suffixes of host names that have IPv6 addresses, as the
// SDK's endpoint rules list them.
var dualStack = []string{
	"api.aws", "api.amazonwebservices.com.cn", "api.amazonwebservices.eu", "api.aws.ic.gov", "api.aws.scloud",
	"api.cloud-aws.adc-e.uk", "api.aws.hci.ic.gov",
}
