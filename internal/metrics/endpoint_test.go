package metrics

import "testing"

func TestTheEndpointIsThatOfTheRegion(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		region string
		fips   bool
		want   string
	}{
		{"eu-central-1", false, "https://monitoring.eu-central-1.amazonaws.com"},
		{"us-east-1", true, "https://monitoring-fips.us-east-1.amazonaws.com"},
		{"us-gov-west-1", true, "https://monitoring.us-gov-west-1.amazonaws.com"},
		{"cn-north-1", false, "https://monitoring.cn-north-1.amazonaws.com.cn"},
	} {
		if got := endpoint(tc.region, tc.fips); got != tc.want {
			t.Errorf("%s, FIPS %v: %s, want %s", tc.region, tc.fips, got, tc.want)
		}
	}
}
