// Package settings fills a program's flags from three places, in this order of
// precedence: command line, environment, one YAML file. A setting has one name
// everywhere: flag --push-interval, variable FLEETCOST_PUSH_INTERVAL, key
// push-interval.
//
// It is strict: an unknown key in the file is an error that names the file,
// the line, the key and the nearest known one. It also writes the reference
// page of all settings (Markdown), so that the page cannot drift from the code.
package settings
