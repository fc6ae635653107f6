package app

import "context"

func demoLogins() (logins []string, password string) { return nil, "" }

func (a *App) seedDemo(context.Context) error { return nil }

func (a *App) playDemo(ctx context.Context) error { <-ctx.Done(); return nil }
