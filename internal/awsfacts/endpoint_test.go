package awsfacts

import "testing"

func TestAnEmulatorIsNoEndpointOfAWS(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]bool{
		"":                                       true,
		"https://lambda.eu-west-1.amazonaws.com": true,
		"https://lambda-fips.us-east-1.amazonaws.com":             true,
		"https://lambda.eu-west-1.api.aws":                        true,
		"https://vpce-0a1-b2.lambda.eu-west-1.vpce.amazonaws.com": true,
		"https://lambda.cn-north-1.amazonaws.com.cn":              true,
		"https://LAMBDA.eu-west-1.AMAZONAWS.COM:443/":             true,
		"http://127.0.0.1:4566":                                   false,
		"http://localhost.localstack.cloud:4566":                  false,
		"https://amazonaws.com.evil.example":                      false,
		"https://notamazonaws.com":                                false,
		"https://lambda.eu-west-1.amazonaws.com@evil.example":     false,
		"https://evil.example/lambda.eu-west-1.amazonaws.com":     false,
		"://":                            false,
		"lambda.eu-west-1.amazonaws.com": false,
	} {
		if got := IsEndpoint(endpoint); got != want {
			t.Errorf("%q: %v", endpoint, got)
		}
	}
}
