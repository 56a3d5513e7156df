package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionVariable has the command line so far when a shell asks for completions.
const completionVariable = "COMP_LINE"

// How each shell is taught to ask the command itself, at every key. Files complete where
// the command has nothing to say.
const (
	forBash = `complete -o default -o bashdefault -C licensectl licensectl`
	forZsh  = `autoload -U +X compinit && compinit
autoload -U +X bashcompinit && bashcompinit
complete -o default -o bashdefault -C licensectl licensectl`
	forFish = `function __licensectl_complete
    set -lx COMP_LINE (commandline -cp)
    licensectl
end
complete -c licensectl -a "(__licensectl_complete)"`
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"One of ${enum}. Bash: source <(licensectl completion bash)"`
}

// Run prints what teaches the shell.
func (c completionCommand) Run(a *app) error {
	_, err := fmt.Fprintln(a.out, map[string]string{"bash": forBash, "zsh": forZsh, "fish": forFish}[c.Shell])
	return err
}

// complete prints what can stand where the line ends: commands, flags and their values,
// as the model of the command line has them.
func complete(out io.Writer, root *kong.Node, line string) {
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasSuffix(line, " ") {
		words = append(words, "")
	}
	last := words[len(words)-1]
	for _, word := range candidates(root, words[min(1, len(words)-1):len(words)-1], last) {
		if strings.HasPrefix(word, last) {
			_, _ = fmt.Fprintln(out, word)
		}
	}
}

// candidates are all words that can follow those before.
func candidates(node *kong.Node, before []string, last string) []string {
	var open *kong.Flag // it waits for its value
	for _, word := range before {
		switch {
		case open != nil:
			open = nil
		case strings.HasPrefix(word, "-"):
			if open = flagOf(node, word); open != nil && open.IsBool() {
				open = nil
			}
		default:
			node = childOf(node, word)
		}
	}
	switch {
	case open != nil:
		return enum(open.Value)
	case strings.HasPrefix(last, "-"):
		return flags(node)
	}
	var words []string
	for _, child := range node.Children {
		words = append(words, child.Name)
	}
	for _, argument := range node.Positional {
		words = append(words, enum(argument)...)
	}
	return words
}

func enum(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}

func childOf(node *kong.Node, name string) *kong.Node {
	if i := slices.IndexFunc(node.Children, func(c *kong.Node) bool { return c.Name == name }); i >= 0 {
		return node.Children[i]
	}
	return node
}

// flagOf is the flag that a word names without a value of its own.
func flagOf(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) {
				return f
			}
		}
	}
	return nil
}

func flags(node *kong.Node) []string {
	var words []string
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			words = append(words, "--"+f.Name)
		}
	}
	return words
}
