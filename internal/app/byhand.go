package app

import (
	"context"
	"errors"
)

func (a *app) byHand(ctx context.Context) error {
	return errors.New("rollback by hand")
}
