package pages

import (
	"fmt"
)

// Bar is one bar of a chart: what it is of, and how much.
type Bar struct {
	Label string
	Value int
}

// Chart is a row of bars, drawn on the server; the same stands under it as numbers.
type Chart struct {
	// Title says what is counted, "Unseals per hour".
	Title string
	// Noun is what one of it is, "unseal".
	Noun string
	Bars []Bar
}

// Sizes of a chart's drawing, in its own units: it is stretched to its place.
const (
	chartHeight = 48
	barStep     = 10
	barWidth    = 8
)

// drawn is a bar with its place.
type drawn struct {
	Bar
	X, Y, Width, Height int
	Text                string
}

// Width of the drawing.
func (c Chart) Width() int { return max(1, len(c.Bars)) * barStep }

// Height of the drawing.
func (c Chart) Height() int { return chartHeight }

// Drawn are the bars with their places. One that is not nothing can be seen.
func (c Chart) Drawn() []drawn {
	most, all := c.most(), make([]drawn, len(c.Bars))
	for i, b := range c.Bars {
		height := 0
		if b.Value > 0 {
			height = max(2, b.Value*chartHeight/most.Value)
		}
		all[i] = drawn{b, i * barStep, chartHeight - height, barWidth, height, b.Label + ": " + count(b.Value, c.Noun)}
	}
	return all
}

// First is the label of the first bar, Last that of the last.
func (c Chart) First() string { return c.Bars[0].Label }

// Last is the label of the last bar; see First.
func (c Chart) Last() string { return c.Bars[len(c.Bars)-1].Label }

// Empty reports whether there is nothing to draw.
func (c Chart) Empty() bool { return c.most().Value == 0 }

// Summary is the chart in one sentence.
func (c Chart) Summary() string {
	if c.Empty() {
		return c.Title + ": none"
	}
	all, most := 0, c.most()
	for _, b := range c.Bars {
		all += b.Value
	}
	return fmt.Sprintf("%s: %s in all, the most in %s, %s", c.Title, count(all, c.Noun), most.Label, number(most.Value))
}

// Most is the height of the highest bar: bars alone do not say of how many they are.
func (c Chart) Most() int { return c.most().Value }

func (c Chart) most() Bar {
	var most Bar
	for _, b := range c.Bars {
		if b.Value > most.Value {
			most = b
		}
	}
	return most
}

// progress is how far something is, in hundredths, never full before it is.
func progress(done, all int) int {
	switch {
	case all <= 0:
		return 0
	case done >= all:
		return 100
	default:
		return min(99, max(0, done*100/all))
	}
}
