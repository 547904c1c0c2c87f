//! Plots, drawn as SVG: columns, one on the other, and a map of how many images have which size. Each has a title and a
//! description for those who do not see it, and a table of its numbers behind it. Colours are classes of the style sheet, so that
//! they follow light and dark.

use super::text::{escaped, number};
use crate::insight::survey::SizeCount;

/// The drawing's size, in its own units; it is as wide as there is room.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 26.0;

/// Names below the columns, at most.
const NAMES: usize = 6;

/// Rows of the table behind a plot, at most. There are never so many columns.
const ROWS: usize = 400;

/// What is drawn of one kind.
pub(super) struct Series<'a> {
    /// What it is, and what it is called.
    pub(super) name: &'a str,
    /// A class of the style sheet.
    pub(super) class: &'a str,
    /// For each column.
    pub(super) values: Vec<u64>,
}

/// A plot of columns.
pub(super) struct Columns<'a> {
    /// Tells it from the others of the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// What is to be seen, in a sentence.
    pub(super) description: String,
    /// What a column is, as the head of the table says it.
    pub(super) of: &'a str,
    /// A name for each column.
    pub(super) names: Vec<String>,
    pub(super) series: Vec<Series<'a>>,
    /// How values are written.
    pub(super) write: fn(u64) -> String,
}

impl Columns<'_> {
    /// It as a figure.
    pub(super) fn html(&self) -> String {
        if self.names.is_empty() {
            return format!(
                "<figure class=\"card\"><h3>{}</h3><p class=\"soft\">Nothing yet.</p></figure>",
                escaped(self.title)
            );
        }
        let drawing = self.drawing();
        let legend = self.legend();
        framed(self.id, self.title, &self.description, &legend, &drawing, &self.table())
    }

    fn totals(&self) -> Vec<u64> {
        let column =
            |index: usize| self.series.iter().map(|series| series.values.get(index).copied().unwrap_or(0)).sum();
        (0..self.names.len()).map(column).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a drawing is as exact as its pixels")]
    fn drawing(&self) -> String {
        let mut svg: Vec<String> = Vec::new();
        let (top, step) = scale(self.totals().into_iter().max().unwrap_or(0));
        let up = |value: u64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - value as f64 / top as f64);
        for tick in (0..=top / step).map(|tick| tick * step) {
            let y = up(tick);
            svg.push(format!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                escaped(&(self.write)(tick))
            ));
        }
        let width = (WIDTH - LEFT - RIGHT) / self.names.len() as f64;
        for series in &self.series {
            svg.push(format!("<g class=\"{}\">", series.class));
            for (index, value) in series.values.iter().enumerate().filter(|(_, value)| **value > 0) {
                let below: u64 = self
                    .series
                    .iter()
                    .take_while(|other| !std::ptr::eq(*other, series))
                    .map(|other| other.values.get(index).copied().unwrap_or(0))
                    .sum();
                let (from, to) = (up(below + value), up(below));
                svg.push(format!(
                    "<rect x=\"{:.2}\" y=\"{from:.2}\" width=\"{:.2}\" height=\"{:.2}\"/>",
                    LEFT + width * index as f64,
                    (width - 1.0).max(width * 0.8),
                    (to - from).max(0.6)
                ));
            }
            svg.push("</g>".to_owned());
        }
        let every = self.names.len().div_ceil(NAMES);
        for (index, name) in self.names.iter().enumerate().step_by(every) {
            let x = LEFT + width * index as f64;
            svg.push(format!("<text x=\"{x:.1}\" y=\"{:.1}\">{}</text>", HEIGHT - 8.0, escaped(short(name))));
        }
        format!(
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\" focusable=\"false\">{}</svg>",
            svg.concat()
        )
    }

    fn legend(&self) -> String {
        if self.series.len() < 2 {
            return String::new();
        }
        let entry = |series: &Series<'_>| {
            let (class, name) = (series.class, escaped(series.name));
            format!(
                "<li><svg viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"1\" height=\"1\"/></svg>{name}</li>"
            )
        };
        format!("<ul class=\"legend\">{}</ul>", self.series.iter().map(entry).collect::<String>())
    }

    fn table(&self) -> String {
        let mut table = vec![format!("<table><thead><tr><th scope=\"col\">{}</th>", escaped(self.of))];
        for series in &self.series {
            table.push(format!("<th scope=\"col\" class=\"number\">{}</th>", escaped(series.name)));
        }
        table.push("</tr></thead><tbody>".to_owned());
        for (index, name) in self.names.iter().enumerate().take(ROWS) {
            table.push(format!("<tr><th scope=\"row\">{}</th>", escaped(name)));
            for series in &self.series {
                let value = series.values.get(index).copied().unwrap_or(0);
                table.push(format!("<td class=\"number\">{}</td>", escaped(&(self.write)(value))));
            }
            table.push("</tr>".to_owned());
        }
        table.concat() + "</tbody></table>"
    }
}

/// How many images have which width and height.
pub(super) fn size_map(id: &str, sizes: &[SizeCount]) -> String {
    const TITLE: &str = "Width and height";
    let Some(most) = sizes.iter().map(|size| size.images).max() else {
        return format!("<figure class=\"card\"><h3>{TITLE}</h3><p class=\"soft\">Nothing yet.</p></figure>");
    };
    let mut sorted: Vec<&SizeCount> = sizes.iter().collect();
    sorted.sort_by_key(|size| (std::cmp::Reverse(size.images), size.width_from, size.height_from));
    let of = |size: &SizeCount| {
        format!(
            "{} to {} pixels wide, {} to {} high",
            size.width_from,
            size.width_to - 1,
            size.height_from,
            size.height_to - 1
        )
    };
    let description =
        format!("Most images, {}, are {}.", number(most), sorted.first().map(|size| of(size)).unwrap_or_default());
    let row = |size: &&SizeCount| {
        format!("<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td></tr>", of(size), number(size.images))
    };
    let rows: String = sorted.iter().take(ROWS).map(row).collect();
    let table = format!(
        "<table><thead><tr><th scope=\"col\">Size</th><th scope=\"col\" class=\"number\">Images</th></tr></thead>\
         <tbody>{rows}</tbody></table>"
    );
    framed(id, TITLE, &description, "", &map_drawing(sizes, most), &table)
}

#[expect(clippy::cast_precision_loss, reason = "a drawing is as exact as its pixels")]
fn map_drawing(sizes: &[SizeCount], most: u64) -> String {
    let largest = sizes.iter().map(|size| size.width_to.max(size.height_to)).max().unwrap_or(2);
    let smallest = sizes.iter().map(|size| size.width_from.min(size.height_from)).min().unwrap_or(1).max(1);
    let (low, high) = ((smallest as f64).log2().floor(), (largest as f64).log2().ceil());
    let along = |side: u64| ((side.max(1) as f64).log2() - low) / (high - low).max(1.0);
    let x = |side: u64| LEFT + (WIDTH - LEFT - RIGHT) * along(side);
    let y = |side: u64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - along(side));
    let mut svg: Vec<String> = Vec::new();
    let mut tick = smallest.next_power_of_two();
    let every = if high - low > 8.0 { 4 } else { 2 };
    while tick <= largest {
        svg.push(format!(
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TOP}\" y2=\"{2:.1}\"/>\
             <line class=\"grid\" x1=\"{LEFT}\" x2=\"{3:.1}\" y1=\"{1:.1}\" y2=\"{1:.1}\"/>\
             <text x=\"{0:.1}\" y=\"{4:.1}\" text-anchor=\"middle\">{tick}</text>\
             <text x=\"{5:.1}\" y=\"{6:.1}\" text-anchor=\"end\">{tick}</text>",
            x(tick),
            y(tick),
            HEIGHT - BOTTOM,
            WIDTH - RIGHT,
            HEIGHT - 8.0,
            LEFT - 6.0,
            y(tick) + 4.0
        ));
        tick = tick.saturating_mul(every);
    }
    for size in sizes {
        let (left, top) = (x(size.width_from), y(size.height_to));
        let shade = shade(size.images, most);
        svg.push(format!(
            "<rect class=\"shade-{shade}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            (x(size.width_to) - left).max(1.5),
            (y(size.height_from) - top).max(1.5)
        ));
    }
    format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\" focusable=\"false\">{}</svg>",
        svg.concat()
    )
}

/// One of five shades, by orders of magnitude.
fn shade(images: u64, most: u64) -> u32 {
    let (own, all) = (images.max(1).ilog2() + 1, most.max(1).ilog2() + 1);
    (own * 5).div_ceil(all).clamp(1, 5)
}

/// A drawing with its title, what it shows in words, and its table. The drawing itself is hidden from those to whom the words and
/// the table say it.
fn framed(id: &str, title: &str, description: &str, legend: &str, drawing: &str, table: &str) -> String {
    let title = escaped(title);
    let drawing = drawing.replacen(
        "aria-hidden=\"true\" focusable=\"false\">",
        &format!(
            "role=\"img\" aria-labelledby=\"{id}-title {id}-says\"><title id=\"{id}-title\">{title}</title>\
             <desc id=\"{id}-says\">{}</desc>",
            escaped(description)
        ),
        1,
    );
    format!(
        "<figure class=\"card\"><h3>{title}</h3>{legend}{drawing}<details><summary>{title}: the numbers</summary>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}: the numbers\">{table}</div></details></figure>"
    )
}

/// The top of a scale that holds `most`, and the distance of its lines: a round one, of which there are two to five.
fn scale(most: u64) -> (u64, u64) {
    let mut unit = 1_u64;
    loop {
        for step in [unit, unit.saturating_mul(2), unit.saturating_mul(5)] {
            if most.div_ceil(step) <= 5 {
                return (most.div_ceil(step).max(1) * step, step);
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// Of a moment the time alone, which is what there is room for.
fn short(name: &str) -> &str {
    match name.split_once(' ') {
        Some((date, time)) if date.len() == 10 && time.ends_with('Z') => time.trim_end_matches('Z'),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_hold_their_numbers() {
        for most in [0, 1, 3, 5, 6, 99, 101, 12_345, 999_999_999, 1 << 52] {
            let (top, step) = scale(most);
            assert!(top >= most && (1..=5).contains(&(top / step)), "{most}: {top} by {step}");
        }
        assert_eq!((scale(0), scale(7), scale(42)), ((1, 1), (8, 2), (50, 10)));
    }

    #[test]
    fn a_plot_says_its_numbers_three_ways() {
        let series = |name, class, values| Series { name, class, values };
        let plot = Columns {
            id: "p",
            title: "Images <over> time",
            description: "Four & more.".to_owned(),
            of: "From",
            names: vec!["2026-11-23 16:51:51Z".to_owned(), "b".to_owned()],
            series: vec![series("kept", "kept", vec![3, 0]), series("failed", "failed", vec![1, 2])],
            write: number,
        };
        let html = plot.html();
        assert_eq!(html.matches("<rect x=").count(), 3, "{html}");
        assert!(html.contains("<desc id=\"p-says\">Four &amp; more.</desc>"), "{html}");
        assert!(html.contains("Images &lt;over&gt; time") && !html.contains("<over>"), "{html}");
        assert!(
            html.contains("<th scope=\"row\">b</th><td class=\"number\">0</td><td class=\"number\">2</td>"),
            "{html}"
        );
        assert!(html.contains(">16:51:51</text>"), "{html}");
        assert!(Columns { names: vec![], ..plot }.html().contains("Nothing yet"));
    }

    #[test]
    fn shades_follow_the_orders_of_magnitude() {
        assert_eq!([1, 10, 100, 1000].map(|images| shade(images, 1000)), [1, 2, 4, 5]);
        assert_eq!((shade(1, 1), shade(0, 0)), (5, 5));
    }
}
