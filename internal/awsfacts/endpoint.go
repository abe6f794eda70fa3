package awsfacts

// ServiceEndpoint is the endpoint of a regional service whose host is its prefix
// and the Region: monitoring, logs, cloudtrail
// (https://docs.aws.amazon.com/general/latest/gr/cw_region.html, …/ct.html). Those of
// GovCloud are FIPS endpoints without the name.
func ServiceEndpoint(prefix, region string, fips bool) string {
	p := PartitionOf(region)
	if fips && p.ID != "aws-us-gov" {
		prefix += "-fips"
	}
	return "https://" + prefix + "." + region + "." + p.DNSSuffix
}
