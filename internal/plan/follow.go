package plan

// Follow is what a deployment does beside the shift of its aliases.
type Follow struct {
	// Missing are the aliases that it creates where they do not exist yet.
	Missing []string
	Tags    map[string]string
	Untag   []string
}

// Follows returns what the plan does when the traffic has shifted. settings reports
// whether it changes settings or $LATEST.PUBLISHED then, which Follow does not hold.
func (p Plan) Follows() (f Follow, settings bool) {
	for _, s := range p.Steps {
		switch s := s.(type) {
		case TagResource:
			f.Tags = s.Tags
		case UntagResource:
			f.Untag = s.Keys
		case PutSetting:
			settings = settings || !s.Early
		case DeleteSetting:
			settings = settings || !s.Early
		case PublishLatest:
			settings = true
		case CreateFunction, UpdateConfiguration, UpdateCode, PublishRestorePoint, PublishVersion, CreateAlias, MoveAlias, LeaveLatest, UpdateAlias,
			DeleteAlias, PutCodeSigning, DeleteCodeSigning, DeleteFunction, DeleteVersion, CreateDeployment, StopDeployment:
		}
	}
	return f, settings
}

// follow plans the tags that are not as they are to be when the traffic has shifted.
func (f *forward) follow() {
	if f.o.Latest == nil {
		return
	}
	now := f.o.Latest.Tags
	for _, key := range f.w.Follow.Untag {
		if _, has := now[key]; has {
			f.untag = append(f.untag, key)
		}
	}
	for key, value := range f.w.Follow.Tags {
		if was, has := now[key]; !has || was != value {
			if f.tags == nil {
				f.tags = map[string]string{}
			}
			f.tags[key] = value
		}
	}
	f.tagSteps()
}

func (f *forward) tagSteps() {
	if len(f.untag) > 0 {
		f.plan.Steps = append(f.plan.Steps, UntagResource{Keys: f.untag})
	}
	if len(f.tags) > 0 {
		f.plan.Steps = append(f.plan.Steps, TagResource{Tags: f.tags})
	}
}
