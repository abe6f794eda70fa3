package lambda

import (
	"slices"
	"time"
)

// runtimeRow is a runtime with the days (2006-01-02) from which Lambda refuses it
// for new functions, and in updates of those that exist; "" is never.
type runtimeRow struct{ name, createBlocked, updateBlocked string }

// runtimeTable is that of "Lambda runtimes" in the developer guide, as of October
// 2026. AWS moves the days that have not come yet. The client has a table of its
// own, and a test compares the two.
var runtimeTable = []runtimeRow{
	{"nodejs26.x", "", ""},
	{"nodejs24.x", "", ""},
	{"nodejs22.x", "", ""},
	{"nodejs20.x", "2027-07-29", "2027-08-31"},
	{"nodejs18.x", "2027-07-29", "2027-08-31"},
	{"nodejs16.x", "2027-07-29", "2027-08-31"},
	{"nodejs14.x", "2024-01-09", "2027-08-31"},
	{"nodejs12.x", "2023-03-31", "2023-04-30"},
	{"nodejs10.x", "2021-07-30", "2022-02-14"},
	{"nodejs8.10", "2020-03-06", "2020-03-06"},
	{"nodejs6.10", "2019-08-12", "2019-08-12"},
	{"nodejs4.3-edge", "2019-04-30", "2019-04-30"},
	{"nodejs4.3", "2020-03-05", "2020-03-05"},
	{"nodejs", "2016-10-31", "2016-10-31"},
	{"python3.15", "", ""},
	{"python3.14", "", ""},
	{"python3.13", "", ""},
	{"python3.12", "", ""},
	{"python3.11", "", ""},
	{"python3.10", "2027-07-29", "2027-08-31"},
	{"python3.9", "2027-07-29", "2027-08-31"},
	{"python3.8", "2027-07-29", "2027-08-31"},
	{"python3.7", "2024-01-09", "2027-08-31"},
	{"python3.6", "2022-07-18", "2022-08-29"},
	{"python2.7", "2021-07-15", "2022-05-30"},
	{"java25", "", ""},
	{"java21", "", ""},
	{"java17.al2023", "", ""},
	{"java17", "", ""},
	{"java11.al2023", "", ""},
	{"java11", "", ""},
	{"java8.al2023", "", ""},
	{"java8.al2", "", ""},
	{"java8", "2024-02-08", "2027-08-31"},
	{"dotnet10", "", ""},
	{"dotnet8", "2027-07-29", "2027-08-31"},
	{"dotnet6", "2027-07-29", "2027-08-31"},
	{"dotnetcore3.1", "2023-04-03", "2023-05-03"},
	{"dotnetcore2.1", "2022-01-05", "2022-04-13"},
	{"dotnetcore2.0", "2019-05-30", "2019-05-30"},
	{"dotnetcore1.0", "2019-07-30", "2019-07-30"},
	{"ruby4.0", "", ""},
	{"ruby3.4", "", ""},
	{"ruby3.3", "", ""},
	{"ruby3.2", "2027-07-29", "2027-08-31"},
	{"ruby2.7", "2024-01-09", "2027-08-31"},
	{"ruby2.5", "2021-07-30", "2022-03-31"},
	{"provided.al2023", "", ""},
	{"provided.al2", "2027-07-29", "2027-08-31"},
	{"provided", "2024-02-08", "2027-08-31"},
	{"go1.x", "2024-02-08", "2027-08-31"},
}

// Runtimes returns, by the name of each runtime, the days from which Lambda
// refuses it for new functions and in updates; "" is never.
func Runtimes() map[string][2]string {
	all := make(map[string][2]string, len(runtimeTable))
	for _, r := range runtimeTable {
		all[r.name] = [2]string{r.createBlocked, r.updateBlocked}
	}
	return all
}

// checkNewRuntime refuses a runtime that Lambda does not take for a new function.
func (s *Service) checkNewRuntime(name *string) error {
	return checkRuntime(name, func(r runtimeRow) string { return r.createBlocked }, s.Clock())
}

// checkUpdatedRuntime refuses a runtime that Lambda does not take in an update.
func (s *Service) checkUpdatedRuntime(name *string) error {
	return checkRuntime(name, func(r runtimeRow) string { return r.updateBlocked }, s.Clock())
}

func checkRuntime(name *string, blocked func(runtimeRow) string, now time.Time) error {
	if name == nil || *name == "" {
		return nil
	}
	i := slices.IndexFunc(runtimeTable, func(r runtimeRow) bool { return r.name == *name })
	if i < 0 {
		return invalid("Value " + *name + " at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [" +
			shownRuntimes + "] or be a valid ARN")
	}
	if day := blocked(runtimeTable[i]); day == "" || now.UTC().Format(time.DateOnly) < day {
		return nil
	}
	return invalid("The runtime parameter of " + *name + " is no longer supported for creating or updating AWS Lambda functions. " +
		"We recommend you use a supported runtime while creating or updating functions.")
}
