package definition

const runtimesPage = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"

// runtimesAsOf dates what this file knows of AWS's page of runtimes. AWS adds
// runtimes and moves its dates, mostly back: so neither a runtime that is
// missing here nor a deprecated one is ever more than a warning.
const runtimesAsOf = "2026-06-02"

// runtimeInfo is one row of AWS's tables.
type runtimeInfo struct {
	name string
	// deprecated is the day from which the runtime gets no more updates, "" if
	// it lay after runtimesAsOf.
	deprecated string
	// refused marks a runtime that AWS takes for neither new functions nor
	// updates any more.
	refused bool
}

// runtimes are in the order in which a schema offers them: newest first within
// a language.
var runtimes = []runtimeInfo{
	{name: "nodejs26.x"},
	{name: "nodejs24.x"},
	{name: "nodejs22.x"},
	{name: "nodejs20.x", deprecated: "2026-04-30"},
	{name: "nodejs18.x", deprecated: "2025-09-01"},
	{name: "nodejs16.x", deprecated: "2024-06-12"},
	{name: "nodejs14.x", deprecated: "2023-12-04"},
	{name: "nodejs12.x", deprecated: "2023-03-31", refused: true},
	{name: "nodejs10.x", deprecated: "2021-07-30", refused: true},
	{name: "nodejs8.10", deprecated: "2020-03-06", refused: true},
	{name: "nodejs6.10", deprecated: "2019-08-12", refused: true},
	{name: "nodejs4.3-edge", deprecated: "2020-03-05", refused: true},
	{name: "nodejs4.3", deprecated: "2020-03-05", refused: true},
	{name: "nodejs", deprecated: "2016-10-31", refused: true},
	{name: "python3.15"},
	{name: "python3.14"},
	{name: "python3.13"},
	{name: "python3.12"},
	{name: "python3.11"},
	{name: "python3.10"},
	{name: "python3.9", deprecated: "2025-12-15"},
	{name: "python3.8", deprecated: "2024-10-14"},
	{name: "python3.7", deprecated: "2023-12-04"},
	{name: "python3.6", deprecated: "2022-07-18", refused: true},
	{name: "python2.7", deprecated: "2021-07-15", refused: true},
	{name: "java25"},
	{name: "java21"},
	{name: "java17.al2023"},
	{name: "java17"},
	{name: "java11.al2023"},
	{name: "java11"},
	{name: "java8.al2023"},
	{name: "java8.al2"},
	{name: "java8", deprecated: "2024-01-08"},
	{name: "dotnet10"},
	{name: "dotnet8"},
	{name: "dotnet6", deprecated: "2024-12-20"},
	{name: "dotnetcore3.1", deprecated: "2023-04-03", refused: true},
	{name: "dotnetcore2.1", deprecated: "2022-01-05", refused: true},
	{name: "dotnetcore2.0", deprecated: "2019-05-30", refused: true},
	{name: "dotnetcore1.0", deprecated: "2019-06-27", refused: true},
	{name: "ruby4.0"},
	{name: "ruby3.4"},
	{name: "ruby3.3"},
	{name: "ruby3.2", deprecated: "2026-03-31"},
	{name: "ruby2.7", deprecated: "2023-12-07"},
	{name: "ruby2.5", deprecated: "2021-07-30", refused: true},
	{name: "provided.al2023"},
	{name: "provided.al2"},
	{name: "provided", deprecated: "2024-01-08"},
	{name: "go1.x", deprecated: "2024-01-08"},
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

// RuntimeRefused reports a runtime that Lambda takes for no update any more: a
// function that leaves it cannot be put back.
func RuntimeRefused(name string) bool { return findRuntime(name).refused }
