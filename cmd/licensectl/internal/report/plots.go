package report

import (
	"html/template"
	"strconv"

	"github.com/go-analyze/charts"

	"github.com/coditect-ai/coditect-licenses/client/api"
)

// The size of a plot, in pixels of a screen; a page scales it.
const (
	plotWidth  = 960
	plotHeight = 280
)

// seatPlot draws peak and mean by the hour.
func seatPlot(hours []api.UsageStep) (template.HTML, error) {
	peak, mean, labels := make([]float64, len(hours)), make([]float64, len(hours)), make([]string, len(hours))
	for i, s := range hours {
		peak[i], mean[i], labels[i] = float64(s.PeakSeats), s.MeanSeats, hour(s.At.Time)
	}
	return linePlot([][]float64{peak, mean}, labels, "peak", "mean")
}

// sizePlot draws who would have waited with so many seats, for every number up to the
// last: between two points of the report nothing changes.
func sizePlot(sizing []api.SizingPoint) (template.HTML, error) {
	if len(sizing) == 0 {
		return "", nil
	}
	var percent []float64
	var labels []string
	for i, point := range sizing {
		next := point.Seats + 1
		if i+1 < len(sizing) {
			next = sizing[i+1].Seats
		}
		for seats := point.Seats; seats < next && len(percent) < maxHours; seats++ {
			percent, labels = append(percent, point.WaitingPercent), append(labels, strconv.Itoa(seats))
		}
	}
	return linePlot([][]float64{percent}, labels, "percent that would wait")
}

func linePlot(values [][]float64, labels []string, names ...string) (template.HTML, error) {
	if len(labels) == 0 {
		return "", nil
	}
	o := charts.NewLineChartOptionWithData(values)
	o.XAxis.Labels, o.Legend.SeriesNames = labels, names
	o.Symbol = charts.Symbol{Shape: charts.SymbolNone}
	p := canvas()
	return drawn(p, p.LineChart(o))
}

// denialPlot draws what was refused by the day.
func denialPlot(days []dayDenials) (template.HTML, error) {
	waited, lost, labels := make([]float64, len(days)), make([]float64, len(days)), make([]string, len(days))
	for i, d := range days {
		waited[i], lost[i], labels[i] = float64(d.Waited), float64(d.Lost), day(d.Day)
	}
	if len(labels) == 0 {
		return "", nil
	}
	o := charts.NewBarChartOptionWithData([][]float64{waited, lost})
	o.CategoryAxis.Labels, o.Legend.SeriesNames = labels, []string{"waited", "lost"}
	p := canvas()
	return drawn(p, p.BarChart(o))
}

func canvas() *charts.Painter {
	return charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: plotWidth, Height: plotHeight})
}

// drawn is the plot as SVG. There is nothing in it but numbers, times and words of ours, so
// it can stand in a page as it is.
func drawn(p *charts.Painter, err error) (template.HTML, error) {
	if err != nil {
		return "", err
	}
	svg, err := p.Bytes()
	return template.HTML(svg), err //nolint:gosec // no text of anybody's is in it
}
