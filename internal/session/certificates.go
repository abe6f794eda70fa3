package session

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"os"
)

// certificates reads a bundle once in a process: a run opens several Sessions, and all public
// authorities take several milliseconds each time.
func (l *Limits) certificates(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the certificates of AWS_CA_BUNDLE: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	hash := sha256.Sum256(text)
	if l.bundles[hash] == nil {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("AWS_CA_BUNDLE: %s holds no certificate in PEM form", path)
		}
		l.bundles[hash] = pool
	}
	return l.bundles[hash], nil
}
