package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"topout/checklist"
	"topout/site"
)

type checklistCmd struct {
	List     checklistListCmd     `cmd:"" help:"The forms."`
	Validate checklistValidateCmd `cmd:"" help:"Checks a form file (JSON)."`
	Score    checklistScoreCmd    `cmd:"" help:"Scores a check's payload."`
	Summary  checklistSummaryCmd  `cmd:"" help:"Sums the scores of one site's tables."`
}

type checklistListCmd struct{}

func (checklistListCmd) Run(c *console) error {
	library, err := checklist.Embedded()
	if err != nil {
		return err
	}
	type row struct {
		ID      string `json:"id"`
		Version int    `json:"version"`
		Name    string `json:"name"`
		NameEn  string `json:"name_en"`
		Items   int    `json:"items"`
		Source  string `json:"source"`
	}
	items := []row{}
	var rows [][]string
	for _, f := range library.Forms() {
		items = append(items, row{f.ID, f.Version, f.Name, f.NameEn, len(f.Items), f.Source})
		rows = append(rows, []string{f.ID, strconv.Itoa(f.Version), f.Name, f.NameEn, strconv.Itoa(len(f.Items))})
	}
	return c.list(items, []string{"ID", "VERSION", "NAME", "ENGLISH", "ITEMS"}, rows)
}

type checklistValidateCmd struct {
	File string `arg:"" help:"Form file, or - for stdin."`
}

func (cmd checklistValidateCmd) Run(c *console) error {
	b, err := c.read(cmd.File)
	if err != nil {
		return err
	}
	form, err := checklist.Parse(b)
	var problems checklist.Problems
	if errors.As(err, &problems) {
		return problems
	}
	if err != nil {
		return err
	}
	return c.print(map[string]any{"id": form.ID, "version": form.Version, "items": len(form.Items)}, func() {
		fmt.Fprintf(c.out, "%s version %d is good: %d items.\n", form.ID, form.Version, len(form.Items))
	})
}

type checklistScoreCmd struct {
	Form      string `arg:"" help:"Id of the form, e.g. jgj59-b3."`
	File      string `arg:"" help:"A check's payload (JSON), or - for stdin."`
	TwoThirds bool   `help:"Missing guarantee items: below 2/3 of what could be had is 0."`
}

func (cmd checklistScoreCmd) Run(c *console) error {
	library, err := checklist.Embedded()
	if err != nil {
		return err
	}
	form, ok := library.Form(cmd.Form)
	if !ok {
		return fmt.Errorf("there is no form %q: topout checklist list shows them", cmd.Form)
	}
	var check struct {
		Items []site.CheckItem `json:"items"`
	}
	if err := c.readJSON(cmd.File, &check); err != nil {
		return err
	}
	result, err := checklist.Score(form, check.Items, checklist.Options{TwoThirds: cmd.TwoThirds})
	if err != nil {
		return err
	}
	return c.printJSON(result)
}

type checklistSummaryCmd struct {
	File string `arg:"" help:"{\"scores\":[{\"form\",\"score\"}]} of one site, or - for stdin."`
}

func (cmd checklistSummaryCmd) Run(c *console) error {
	library, err := checklist.Embedded()
	if err != nil {
		return err
	}
	var in struct {
		Scores []checklist.TableScore `json:"scores"`
	}
	if err := c.readJSON(cmd.File, &in); err != nil {
		return err
	}
	summary, err := checklist.Summarise(library.JGJ59(), in.Scores)
	if err != nil {
		return err
	}
	return c.printJSON(summary)
}

// read gives the bytes of a file, or of stdin for "-".
func (c *console) read(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(c.in)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: check the path", err)
	}
	return b, nil
}

func (c *console) readJSON(file string, into any) error {
	b, err := c.read(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s is not the JSON that is expected: %w", file, err)
	}
	return nil
}
