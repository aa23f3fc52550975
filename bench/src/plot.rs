//! A plot as SVG, by hand: rates across and times upwards, both logarithmic, a line for the median and a dashed one for the 99th
//! percentile of each server. It has its own ground, light or dark as the reader's page is.

use std::fmt::Write as _;

/// A server's figures at one rate.
pub struct Point {
    /// Requests in a second.
    pub x: f64,
    /// The median, ms.
    pub low: f64,
    /// The 99th percentile, ms.
    pub high: f64,
}

/// A server's line.
pub struct Series {
    pub name: String,
    pub points: Vec<Point>,
}

/// One set of axes.
pub struct Panel {
    pub title: String,
    pub series: Vec<Series>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 44.0;
const TOP: f64 = 74.0;
const BOTTOM: f64 = 56.0;

const STYLE: &str = "<style>\n\
    .ground{fill:#ffffff}.ink{fill:#1c1e21}.soft{fill:#5b6168}.grid{stroke:#e3e6e9}.axis{stroke:#8b9198}\n\
    .c0{stroke:#1f5fd0;fill:#1f5fd0}.c1{stroke:#c2590a;fill:#c2590a}.c2{stroke:#5b6168;fill:#5b6168}\
    .c3{stroke:#8a2f8f;fill:#8a2f8f}.c4{stroke:#177245;fill:#177245}\n\
    .line{fill:none;stroke-width:2;stroke-linejoin:round}.dash{stroke-dasharray:5 4;stroke-width:1.6}\n\
    text{font:13px system-ui,sans-serif}.title{font-weight:600}\n\
    @media (prefers-color-scheme: dark){\n\
    .ground{fill:#16181b}.ink{fill:#e8eaed}.soft{fill:#a3a9b1}.grid{stroke:#2c3036}.axis{stroke:#727a83}\n\
    .c0{stroke:#78a9ff;fill:#78a9ff}.c1{stroke:#ff9f5a;fill:#ff9f5a}.c2{stroke:#b3bac2;fill:#b3bac2}\
    .c3{stroke:#d88be0;fill:#d88be0}.c4{stroke:#6fd19d;fill:#6fd19d}\n\
    .line{fill:none}}\n\
    </style>\n";

/// The whole picture, one panel below the other.
pub fn svg(panels: &[Panel]) -> String {
    let height = HEIGHT * panels.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Latency against load\">\n{STYLE}<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    );
    for (i, panel) in panels.iter().enumerate() {
        let _ = writeln!(out, "<g transform=\"translate(0 {})\">", HEIGHT * i as f64);
        draw(&mut out, panel);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// Whole powers of ten around some values.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::MAX, f64::MIN);
        for v in values.filter(|v| *v > 0.0) {
            low = low.min(v.log10());
            high = high.max(v.log10());
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        Self {
            low: low.floor(),
            high: high.ceil().max(low.floor() + 1.0),
            from,
            to,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.log10() - self.low) / (self.high - self.low);
        self.from + share * (self.to - self.from)
    }

    /// The values that have a line across the picture.
    fn ticks(&self) -> Vec<f64> {
        (self.low as i32..=self.high as i32)
            .map(|e| 10_f64.powi(e))
            .collect()
    }
}

fn draw(out: &mut String, panel: &Panel) {
    let points = || panel.series.iter().flat_map(|s| &s.points);
    let x = Axis::around(points().map(|p| p.x), LEFT, WIDTH - RIGHT);
    let y = Axis::around(points().flat_map(|p| [p.low, p.high]), HEIGHT - BOTTOM, TOP);
    let _ = writeln!(
        out,
        "<text class=\"ink title\" x=\"{LEFT}\" y=\"26\">{}</text>",
        panel.title
    );
    for tick in x.ticks() {
        let at = x.at(tick);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{}\"/>\
             <text class=\"soft\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{}\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 20.0,
            number(tick)
        );
    }
    for tick in y.ticks() {
        let at = y.at(tick);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"soft\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            number(tick)
        );
    }
    let _ = writeln!(
        out,
        "<path class=\"axis\" fill=\"none\" d=\"M{LEFT} {TOP}V{b}H{r}\"/>\
         <text class=\"ink\" text-anchor=\"middle\" x=\"{mx}\" y=\"{ty}\">requests in a second that were asked for</text>\
         <text class=\"ink\" text-anchor=\"middle\" transform=\"translate(18 {my}) rotate(-90)\">time to the answer, ms</text>",
        b = HEIGHT - BOTTOM,
        r = WIDTH - RIGHT,
        mx = f64::midpoint(LEFT, WIDTH - RIGHT),
        ty = HEIGHT - 14.0,
        my = f64::midpoint(TOP, HEIGHT - BOTTOM)
    );
    for (i, series) in panel.series.iter().enumerate() {
        line(out, i % 5, series, &x, &y);
    }
    legend(out, panel);
}

fn line(out: &mut String, color: usize, series: &Series, x: &Axis, y: &Axis) {
    for (class, of) in [
        ("line", (|p| p.low) as fn(&Point) -> f64),
        ("line dash", |p| p.high),
    ] {
        let path: Vec<String> = series
            .points
            .iter()
            .map(|p| format!("{:.1} {:.1}", x.at(p.x), y.at(of(p))))
            .collect();
        let _ = writeln!(
            out,
            "<path class=\"c{color} {class}\" style=\"fill:none\" d=\"M{}\"/>",
            path.join("L")
        );
        for p in &series.points {
            mark(out, color, x.at(p.x), y.at(of(p)));
        }
    }
}

/// Each server has a shape besides its colour.
fn mark(out: &mut String, color: usize, x: f64, y: f64) {
    let _ = match color {
        0 => writeln!(
            out,
            "<circle class=\"c0\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>"
        ),
        1 => writeln!(
            out,
            "<rect class=\"c1\" x=\"{:.1}\" y=\"{:.1}\" width=\"5.6\" height=\"5.6\"/>",
            x - 2.8,
            y - 2.8
        ),
        _ => writeln!(
            out,
            "<path class=\"c{color}\" d=\"M{x:.1} {:.1}l3.6 6.4h-7.2z\"/>",
            y - 3.8
        ),
    };
}

fn legend(out: &mut String, panel: &Panel) {
    let mut at = LEFT;
    for (i, series) in panel.series.iter().enumerate() {
        mark(out, i % 5, at + 5.0, 48.0);
        let _ = writeln!(
            out,
            "<text class=\"ink\" x=\"{}\" y=\"52\">{}</text>",
            at + 16.0,
            series.name
        );
        at += 36.0 + 7.6 * series.name.len() as f64;
    }
    let _ = writeln!(
        out,
        "<path class=\"axis\" d=\"M{} 48h26\"/><text class=\"soft\" x=\"{}\" y=\"52\">median</text>\
         <path class=\"axis\" stroke-dasharray=\"5 4\" d=\"M{} 48h26\"/><text class=\"soft\" x=\"{}\" y=\"52\">99th percentile</text>",
        at + 8.0,
        at + 40.0,
        at + 102.0,
        at + 134.0
    );
}

fn number(v: f64) -> String {
    if v < 1.0 {
        return format!("{v}");
    }
    let digits = format!("{v:.0}");
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_powers_of_ten() {
        let axis = Axis::around([30.0, 4_500.0].into_iter(), 0.0, 300.0);
        assert_eq!(axis.ticks(), [10.0, 100.0, 1_000.0, 10_000.0]);
        assert_eq!(axis.at(100.0), 100.0);
        assert_eq!(number(10_000.0), "10,000");
    }
}
