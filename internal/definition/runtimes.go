package definition

import "fmt"

const runtimesPage = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"

// runtimesAsOf dates what this file knows of AWS's page of runtimes, and
// runtimesKnownTo is the day up to which its dates are in the past. AWS adds
// runtimes and moves its dates, mostly back: so neither a runtime that is
// missing here nor a deprecated one is ever more than a warning.
const (
	runtimesAsOf    = "2026-10"
	runtimesKnownTo = "2026-11-28"
)

// runtimeInfo is one row of AWS's tables, with days as 2006-01-02. All are empty
// for a runtime that was supported on runtimesKnownTo.
type runtimeInfo struct {
	name string
	// deprecated is the day from which the runtime gets no more patches.
	deprecated string
	// createBlocked and updateBlocked are the days from which Lambda refuses the
	// runtime for new functions, and in updates of those that exist.
	createBlocked, updateBlocked string
}

// runtimes are in the order in which a schema offers them: newest first within
// a language.
var runtimes = []runtimeInfo{
	{name: "nodejs26.x"},
	{name: "nodejs24.x"},
	{name: "nodejs22.x"},
	{"nodejs20.x", "2026-04-30", "2027-07-29", "2027-08-31"},
	{"nodejs18.x", "2025-09-01", "2027-07-29", "2027-08-31"},
	{"nodejs16.x", "2024-06-12", "2027-07-29", "2027-08-31"},
	{"nodejs14.x", "2023-12-04", "2024-01-09", "2027-08-31"},
	{"nodejs12.x", "2023-03-31", "2023-03-31", "2023-04-30"},
	{"nodejs10.x", "2021-07-30", "2021-07-30", "2022-02-14"},
	{"nodejs8.10", "2020-03-06", "2020-03-06", "2020-03-06"},
	{"nodejs6.10", "2019-08-12", "2019-08-12", "2019-08-12"},
	{"nodejs4.3-edge", "2020-03-05", "2019-04-30", "2019-04-30"},
	{"nodejs4.3", "2020-03-05", "2020-03-05", "2020-03-05"},
	{"nodejs", "2016-10-31", "2016-10-31", "2016-10-31"},
	{name: "python3.15"},
	{name: "python3.14"},
	{name: "python3.13"},
	{name: "python3.12"},
	{name: "python3.11"},
	{"python3.10", "2026-10-31", "2027-07-29", "2027-08-31"},
	{"python3.9", "2025-12-15", "2027-07-29", "2027-08-31"},
	{"python3.8", "2024-10-14", "2027-07-29", "2027-08-31"},
	{"python3.7", "2023-12-04", "2024-01-09", "2027-08-31"},
	{"python3.6", "2022-07-18", "2022-07-18", "2022-08-29"},
	{"python2.7", "2021-07-15", "2021-07-15", "2022-05-30"},
	{name: "java25"},
	{name: "java21"},
	{name: "java17.al2023"},
	{name: "java17"},
	{name: "java11.al2023"},
	{name: "java11"},
	{name: "java8.al2023"},
	{name: "java8.al2"},
	{"java8", "2024-01-08", "2024-02-08", "2027-08-31"},
	{name: "dotnet10"},
	{"dotnet8", "2026-11-10", "2027-07-29", "2027-08-31"},
	{"dotnet6", "2024-12-20", "2027-07-29", "2027-08-31"},
	{"dotnetcore3.1", "2023-04-03", "2023-04-03", "2023-05-03"},
	{"dotnetcore2.1", "2022-01-05", "2022-01-05", "2022-04-13"},
	{"dotnetcore2.0", "2019-05-30", "2019-05-30", "2019-05-30"},
	{"dotnetcore1.0", "2019-06-27", "2019-07-30", "2019-07-30"},
	{name: "ruby4.0"},
	{name: "ruby3.4"},
	{name: "ruby3.3"},
	{"ruby3.2", "2026-03-31", "2027-07-29", "2027-08-31"},
	{"ruby2.7", "2023-12-07", "2024-01-09", "2027-08-31"},
	{"ruby2.5", "2021-07-30", "2021-07-30", "2022-03-31"},
	{name: "provided.al2023"},
	{"provided.al2", "2026-07-31", "2027-07-29", "2027-08-31"},
	{"provided", "2024-01-08", "2024-02-08", "2027-08-31"},
	{"go1.x", "2024-01-08", "2024-02-08", "2027-08-31"},
}

func runtimeNames() []string {
	names := make([]string, len(runtimes))
	for i, r := range runtimes {
		names[i] = r.name
	}
	return names
}

func findRuntime(name string) runtimeInfo {
	for _, r := range runtimes {
		if r.name == name {
			return r
		}
	}
	return runtimeInfo{name: name}
}

// outlook says what Lambda does with a deprecated runtime, and from when.
func (r runtimeInfo) outlook() string {
	since := func(day string) string {
		if day <= runtimesKnownTo {
			return "since " + day
		}
		return "from " + day
	}
	return fmt.Sprintf("Lambda refuses new functions with it %s and updates %s", since(r.createBlocked), since(r.updateBlocked))
}

// RuntimeRefused reports whether Lambda refuses a runtime in updates: a function
// that leaves such a runtime cannot be rolled back.
func RuntimeRefused(name string) bool {
	day := findRuntime(name).updateBlocked
	return day != "" && day <= runtimesKnownTo
}

// RuntimeBlocks returns, by the name of each runtime, the days (2006-01-02) from
// which Lambda refuses it for new functions and in updates; "" is never.
func RuntimeBlocks() map[string][2]string {
	blocks := make(map[string][2]string, len(runtimes))
	for _, r := range runtimes {
		blocks[r.name] = [2]string{r.createBlocked, r.updateBlocked}
	}
	return blocks
}
