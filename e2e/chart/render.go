// Renders a chart as helm does, with the few functions that the charts of this repository use: a chart that needs more is refused
// here. Reads {"chart", "release", "values"} on standard input and writes the manifests.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"text/template"
)

type input struct {
	Chart   string
	Release string
	Values  map[string]any
}

func main() {
	var in input
	check(json.NewDecoder(os.Stdin).Decode(&in))
	all := template.New("chart").Option("missingkey=error")
	all.Funcs(template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var text strings.Builder
			err := all.ExecuteTemplate(&text, name, data)
			return text.String(), err
		},
		// JSON is YAML, and says the same of every value.
		"toYaml": func(value any) (string, error) {
			text, err := json.Marshal(value)
			return string(text), err
		},
		"nindent": func(spaces int, text string) string {
			pad := "\n" + strings.Repeat(" ", spaces)
			return pad + strings.ReplaceAll(text, "\n", pad)
		},
		"quote":      func(value any) string { return fmt.Sprintf("%q", fmt.Sprint(value)) },
		"upper":      strings.ToUpper,
		"fail":       func(why string) (string, error) { return "", errors.New(why) },
		"replace":    func(from, to, text string) string { return strings.ReplaceAll(text, from, to) },
		"toString":   func(value any) string { return fmt.Sprint(value) },
		"int":        func(value any) int { return int(reflect.ValueOf(value).Convert(reflect.TypeOf(0)).Int()) },
		"kindIs":     func(kind string, value any) bool { return reflect.ValueOf(value).Kind().String() == kind },
		"trimSuffix": func(suffix, text string) string { return strings.TrimSuffix(text, suffix) },
		"regexMatch": func(pattern, text string) (bool, error) { return regexp.MatchString(pattern, text) },
		"join": func(between string, values []any) string {
			var texts []string
			for _, value := range values {
				texts = append(texts, fmt.Sprint(value))
			}
			return strings.Join(texts, between)
		},
	})
	files, err := filepath.Glob(filepath.Join(in.Chart, "templates", "*"))
	check(err)
	sort.Strings(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		_, err = all.New(filepath.Base(file)).Parse(string(text))
		check(err)
	}
	data := map[string]any{
		"Values":  in.Values,
		"Release": map[string]any{"Name": in.Release, "Namespace": "default"},
	}
	for _, file := range files {
		if filepath.Ext(file) == ".tpl" {
			continue
		}
		var text strings.Builder
		check(all.ExecuteTemplate(&text, filepath.Base(file), data))
		if rendered := strings.TrimSpace(text.String()); rendered != "" {
			fmt.Printf("---\n%s\n", rendered)
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
