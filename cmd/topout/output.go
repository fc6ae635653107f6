package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
)

// print writes v as JSON with --json, else the lines that human makes.
func (c *console) print(v any, human func()) error {
	if c.json {
		return c.printJSON(v)
	}
	human()
	return nil
}

func (c *console) printJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// list writes rows as a table, or items as {"items":[…]}.
func (c *console) list(items any, header []string, rows [][]string) error {
	return c.print(map[string]any{"items": items}, func() {
		w := tabwriter.NewWriter(c.out, 2, 8, 2, ' ', 0)
		fmt.Fprintln(w, strings.Join(header, "\t"))
		for _, row := range rows {
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
		_ = w.Flush()
	})
}
