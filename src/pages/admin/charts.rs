//! Small charts of the last hour, as SVG that stands in a page.

use std::fmt::Write;

/// Height of a chart, in its own units. A bar is two wide, with one between.
const HEIGHT: u64 = 40;
const STEP: usize = 3;

/// Bars for what was counted in each minute, and in words what they show.
pub(super) fn bars(counts: &[u32], label: &str) -> String {
    let most = u64::from(counts.iter().copied().max().unwrap_or(0)).max(1);
    let mut path = String::new();
    for (at, count) in counts.iter().enumerate() {
        // Whatever was counted is seen.
        let height = (u64::from(*count) * HEIGHT).div_ceil(most);
        if height > 0 {
            let (x, y) = (at * STEP, HEIGHT - height);
            let _ = write!(path, "M{x} {y}h2v{height}h-2z");
        }
    }
    let width = counts.len() * STEP;
    let label = label.replace(['<', '>', '&', '"'], " ");
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{label}\"><path d=\"{path}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_is_as_high_as_the_chart_and_none_is_lost() {
        let chart = bars(&[0, 1, 1_000_000], "requests");
        assert!(chart.contains("d=\"M3 39h2v1h-2zM6 0h2v40h-2z\""), "{chart}");
        assert!(chart.contains("viewBox=\"0 0 9 40\""), "{chart}");
        assert!(bars(&[0; 60], "a\"><b").contains("aria-label=\"a   b\"><path d=\"\"/>"));
        assert!(bars(&[u32::MAX; 2], "").contains("v40"));
    }
}
