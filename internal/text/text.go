// Package text is the catalogue of what the server says to people, in zh-CN and
// en. Nothing said to a person is built by gluing; every sentence is an entry
// with named parameters. The web app has its own catalogue for its screens.
package text

import (
	"embed"
	"encoding/json"
	"io/fs"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed catalogue/*.json
var files embed.FS

// Lang is a language of the catalogue.
type Lang string

// The languages; Chinese is the default.
const (
	Chinese Lang = "zh-CN"
	English Lang = "en"
)

// Catalogue says entries in a language. It is safe for concurrent use.
type Catalogue struct {
	by      map[Lang]*i18n.Localizer
	matcher language.Matcher
}

// New reads the embedded catalogue.
func New() (*Catalogue, error) {
	bundle := i18n.NewBundle(language.SimplifiedChinese)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	names, err := fs.Glob(files, "catalogue/*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := bundle.LoadMessageFileFS(files, name); err != nil {
			return nil, err
		}
	}
	return &Catalogue{
		by: map[Lang]*i18n.Localizer{
			Chinese: i18n.NewLocalizer(bundle, "zh-CN"),
			English: i18n.NewLocalizer(bundle, "en"),
		},
		matcher: language.NewMatcher([]language.Tag{language.MustParse("zh-CN"), language.English}),
	}, nil
}

// Match picks a language for an Accept-Language header; Chinese when it says nothing.
func (c *Catalogue) Match(acceptLanguage string) Lang {
	if acceptLanguage == "" {
		return Chinese
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return Chinese
	}
	if _, i, confidence := c.matcher.Match(tags...); confidence > language.No && i == 1 {
		return English
	}
	return Chinese
}

// Say gives the entry of a code; params fill its {{.name}} places, and a
// parameter named Count chooses the plural. A code without an entry is said as it is.
func (c *Catalogue) Say(lang Lang, code string, params map[string]string) string {
	l, ok := c.by[lang]
	if !ok {
		l = c.by[Chinese]
	}
	cfg := &i18n.LocalizeConfig{MessageID: code, TemplateData: params}
	if n, ok := params["Count"]; ok {
		cfg.PluralCount = n
	}
	s, err := l.Localize(cfg)
	if err != nil && s == "" {
		return code
	}
	return s
}
