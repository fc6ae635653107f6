package main

type simulateCmd struct{}

func (simulateCmd) Run(*console) error { return nil }
