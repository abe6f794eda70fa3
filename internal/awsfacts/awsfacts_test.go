package awsfacts

import (
	"errors"
	"strings"
	"testing"
)

func TestEveryRegionHasTheFormAndItsPartition(t *testing.T) {
	t.Parallel()
	for _, r := range regions {
		if err := CheckRegion(r.name); err != nil {
			t.Error(err)
		}
		if got := NearestRegion(r.name); got != r.name {
			t.Errorf("the Region nearest to %s is %s", r.name, got)
		}
	}
	for region, want := range map[string]string{
		"eu-central-1": "aws", "cn-northwest-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso",
		"us-isob-east-1": "aws-iso-b", "eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
		"ap-southeast-99": "aws",
	} {
		if got := PartitionOf(region).ID; got != want {
			t.Errorf("%s is in %s, want %s", region, got, want)
		}
		if p, ok := PartitionNamed(want); !ok || p.IAM == "" || p.Console == "" && !strings.Contains(want, "iso") {
			t.Errorf("partition %s: %+v", want, p)
		}
	}
	if _, ok := PartitionNamed("aws-moon"); ok {
		t.Error("aws-moon is a partition")
	}
}

func TestWhatIsNoRegionIsRefusedWithTheNearestOne(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"Frankfurt": "eu-central-1", "Europe (Frankfurt)": "eu-central-1", "US East (N. Virginia)": "us-east-1", "EU (Ireland)": "eu-west-1",
		"eu-central1": "eu-central-1", "eucentral1": "eu-central-1", "eu_central_1": "eu-central-1", "EU-CENTRAL-1": "eu-central-1",
		"EU_WEST_1": "eu-west-1", "us-east-1a": "us-east-1", "us-east": "us-east-1", "useast": "us-east-1", "eu-central-1 ": "eu-central-1",
		"eu--central-1": "eu-central-1", "eu.west.2": "eu-west-2", "ap-southeast": "ap-southeast-1", "São Paulo": "sa-east-1",
		"eu-centrl1": "eu-central-1", "eucentra1": "eu-central-1", "uz-east1": "us-east-1", "Frankfort": "eu-central-1", "Dublim": "eu-west-1",
		"AWS_REGION": "", "$AWS_REGION": "", "<+infra.region>": "", "${{ vars.REGION }}": "", "eu": "", "": "", "-": "", "global": "",
		"eu-west-1.evil.example": "",
	} {
		var invalid InvalidRegion
		if err := CheckRegion(value); !errors.As(err, &invalid) {
			t.Errorf("%q is taken for a Region", value)
			continue
		}
		if invalid.Nearest != want {
			t.Errorf("%q: nearest %q, want %q", value, invalid.Nearest, want)
		}
		if want != "" && !strings.Contains(invalid.Error(), "did you mean "+want) {
			t.Errorf("%q: %v", value, invalid)
		}
	}
	if text := CheckRegion("AWS_REGION").Error(); !strings.Contains(text, "name of a variable") {
		t.Errorf("AWS_REGION: %s", text)
	}
}

func TestARegionOfTomorrowIsTaken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ap-southeast-12", "sa-west-1", "us-isog-east-1", "eusc-fr-west-1"} {
		if err := CheckRegion(name); err != nil || KnownRegion(name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheHostNamesAreThoseOfThePartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"eu-west-1": "1.dkr.ecr.eu-west-1.amazonaws.com", "cn-north-1": "1.dkr.ecr.cn-north-1.amazonaws.com.cn",
		"eusc-de-east-1": "1.dkr.ecr.eusc-de-east-1.amazonaws.eu", "us-iso-east-1": "1.dkr.ecr.us-iso-east-1.c2s.ic.gov",
	} {
		if got := PartitionOf(region).Registry("1", region); got != want {
			t.Errorf("%s: registry %s, want %s", region, got, want)
		}
	}
}

func TestEachCodeIsOfOneKind(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"TooManyRequestsException": "throttled", "SlowDown": "throttled", "ExpiredToken": "expired", "AccessDenied": "denied",
		"InvalidClientTokenId": "unknown key", "UnrecognizedClientException": "unknown key", "ValidationError": "",
	} {
		got := ""
		for kind, is := range map[string]bool{"throttled": IsThrottled(code), "expired": IsExpired(code), "denied": IsDenied(code), "unknown key": IsUnknownKey(code)} {
			if is {
				got += kind
			}
		}
		if got != want {
			t.Errorf("%s is %q, want %q", code, got, want)
		}
	}
	skewed := "Signature expired: 20261128T090000Z is now earlier than 20261128T095500Z (20261128T100000Z - 5 min.)"
	if !IsClockSkew("SignatureDoesNotMatch", skewed) || !IsClockSkew("RequestTimeTooSkewed", "") || IsClockSkew("SignatureDoesNotMatch", "The request signature we calculated does not match") {
		t.Error("a clock that is off is not told from a wrong key")
	}
	if !Propagating("The role defined for the function cannot be assumed by Lambda.") || Propagating("Invalid runtime") {
		t.Error("what passes with time is not told from what does not")
	}
}
