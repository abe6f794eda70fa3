package policy

// Worker is a role that a deployment works as: the connector's of a target, or the
// run's own where Connector is "".
type Worker struct{ Account, Partition, Connector string }

// Workers are what each role of a deployment needs, in the order in which the roles
// come up. The zero value is empty and ready.
type Workers struct {
	order []Worker
	needs map[Worker][]Need
}

// Add adds needs of a role. One without any is a role of the deployment, too.
func (w *Workers) Add(role Worker, needs ...Need) {
	if w.needs == nil {
		w.needs = map[Worker][]Need{}
	}
	if _, known := w.needs[role]; !known {
		w.order = append(w.order, role)
	}
	w.needs[role] = append(w.needs[role], needs...)
}

// Sets makes one set for each role; trust says who assumes it.
func (w *Workers) Sets(trust func(Worker) Document) []Set {
	var sets []Set
	for _, role := range w.order {
		sets = append(sets, Set{Account: role.Account, Role: role.Connector, Permissions: For(w.needs[role]), Trust: trust(role)})
	}
	return sets
}
