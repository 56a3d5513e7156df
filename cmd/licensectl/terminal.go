package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// terminal is where the command reads and prints.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	// asks: a person can be asked. color: there is one to see it, who has not said no.
	// screen: somebody sees what is drawn, and can press keys.
	asks, color, screen bool
}

// ours is the terminal, pipes or files that the process was given.
func ours() terminal {
	return terminal{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		asks:   isTerminal(os.Stdin),
		color:  isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "", // https://no-color.org
		screen: isTerminal(os.Stdin) && isTerminal(os.Stdout),
	}
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// errDeclined is what becomes of a question that is not answered with yes.
var errDeclined = errors.New("not confirmed: nothing was changed")

// confirm asks whether to go on.
func (t terminal) confirm(question string) error {
	if !t.asks {
		return usageError{errors.New(question + " Say --yes, because nobody can be asked here")}
	}
	_, _ = fmt.Fprint(t.err, question+" [y/N] ")
	answer, err := bufio.NewReader(t.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}
