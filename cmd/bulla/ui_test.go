package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
)

// consoleLink is what bulla ui says.
var consoleLink = regexp.MustCompile(`(?m)^http://127\.0\.0\.1:(\d+)/begin\?token=\S+$`)

func saidLink(file string) (link, port string) {
	text := must(os.ReadFile(file))
	found := consoleLink.FindSubmatch(text)
	if found == nil {
		panic("no link in " + string(text))
	}
	return string(found[0]), string(found[1])
}

// visit is a browser that opens the link that bulla ui said, and a page behind it:
//
//	visit [--without] FILE PATH
//
// It prints status and path of each, and what a refusal says, and fails for one.
func visit() {
	args := os.Args[1:]
	without := args[0] == "--without"
	if without {
		args = args[1:]
	}
	link, _ := saidLink(args[0])
	at := must(url.Parse(link))
	client := &http.Client{Jar: must(cookiejar.New(nil))}
	addresses := []string{link, must(at.Parse(args[1])).String()}
	if without {
		addresses = slices.Delete(addresses, 0, 1)
	}
	for _, address := range addresses {
		answer, err := client.Get(address)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(answer.StatusCode, answer.Request.URL.Path)
		if answer.StatusCode != http.StatusOK {
			io.Copy(os.Stdout, answer.Body)
			os.Exit(1)
		}
	}
}

// shows is a person's browser, as far as a command knows: it writes down what it was to
// show.
func shows() {
	if err := os.WriteFile("../opened", []byte(os.Args[1]+"\n"), 0o600); err != nil {
		panic(err)
	}
}

// taken runs bulla ui at the port that another one has.
func taken() {
	_, port := saidLink(os.Args[1])
	os.Args = []string{"bulla", "ui", "--no-browser", "--port", port}
	recorded()
}
