package awslocal

import "github.com/lambda-rollout/lambda-rollout/internal/awslocal/lambda"

// Fork returns a Server in memory that begins with the state of s, and whose changes s
// never sees. s must be closed after it.
func (s *Server) Fork() (*Server, error) {
	kept, err := s.store.Fork()
	if err != nil {
		return nil, err
	}
	o := s.options
	o.Dir, o.ReadOnly = "", false
	return newServer(o, kept)
}

// Planted is a function as another AWS shows it.
type Planted = lambda.Planted

// Plant makes a function that exists elsewhere exist here, with the numbers of its
// versions and its RevisionIds. Its code is a stand-in: see StandIn.
func (s *Server) Plant(p Planted) error { return s.lambda.Plant(p) }

// StandIn is the zip that stands for the code of a hash: the same for the same hash, and
// another one for every other.
func StandIn(codeSha256 string) []byte { return lambda.StandIn(codeSha256) }
