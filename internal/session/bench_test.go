package session

import "testing"

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		s, err := Open(b.Context(), Options{Region: "us-east-1", LookupEnv: keysEnv.lookup})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Config("").Credentials.Retrieve(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
