package definition

// runtimeNames are the runtimes that Lambda's API names, oldest first within a
// language. AWS adds to them: a name that is missing here is a warning.
func runtimeNames() []string {
	return []string{
		"nodejs24.x", "nodejs22.x", "nodejs20.x", "nodejs18.x", "nodejs16.x", "nodejs14.x", "nodejs12.x", "nodejs10.x",
		"nodejs8.10", "nodejs6.10", "nodejs4.3", "nodejs4.3-edge", "nodejs", "nodejs26.x",
		"python3.15", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python3.9", "python3.8",
		"python3.7", "python3.6", "python2.7",
		"java25", "java21", "java17", "java11", "java8.al2", "java8", "java17.al2023", "java11.al2023", "java8.al2023",
		"dotnet10", "dotnet8", "dotnet6", "dotnetcore3.1", "dotnetcore2.1", "dotnetcore2.0", "dotnetcore1.0",
		"ruby4.0", "ruby3.4", "ruby3.3", "ruby3.2", "ruby2.7", "ruby2.5",
		"provided.al2023", "provided.al2", "provided", "go1.x",
	}
}
