//! Scores of a model become signals: the last step before the filters.
//!
//! A row with a score that is not finite gives signal 0 and confidence NaN, which means undefined.

/// Returns signal and confidence of the class scores `[BUY, HOLD, SELL]` of one bar.
///
/// The softmax is computed in `f32`. The class is the first maximum, the confidence its probability.
///
/// ```
/// use ktrdr_core::classify;
///
/// assert_eq!(classify([0.0, 0.0, 0.0]), (1, 1.0 / 3.0));
/// assert_eq!(classify([-9.0, 0.0, 90.0]), (-1, 1.0));
/// assert!(classify([f32::NAN, 0.0, 0.0]).1.is_nan());
/// ```
#[must_use]
pub fn classify(scores: [f32; 3]) -> (i8, f32) {
    if !scores.iter().all(|score| score.is_finite()) {
        return (0, f32::NAN);
    }
    let [buy, hold, sell] = scores;
    // `>=`: of equal scores the first class wins.
    let (signal, peak) = if buy >= hold && buy >= sell {
        (1, buy)
    } else if hold >= sell {
        (0, hold)
    } else {
        (-1, sell)
    };
    // Scores less their maximum cannot overflow, and the maximum's own term is exactly 1. `libm`, since the exponential
    // of the platform's C library differs from machine to machine.
    let total = libm::expf(buy - peak) + libm::expf(hold - peak) + libm::expf(sell - peak);
    (signal, 1.0 / total)
}

/// Returns signal and confidence of one bar's predicted return against the edge it must clear.
///
/// Above `edge` BUY, below `-edge` SELL, else HOLD; the confidence is `min(abs(r) / (3 edge), 1)`.
///
/// ```
/// use ktrdr_core::regress;
///
/// let (signal, confidence) = regress(0.003, 0.0015);
/// assert!(signal == 1 && (confidence - 2.0 / 3.0).abs() < 1e-6);
/// assert_eq!(regress(-0.0015_f32, 0.01).0, 0);
/// ```
#[must_use]
pub fn regress(predicted_return: f32, edge: f64) -> (i8, f32) {
    if !predicted_return.is_finite() {
        return (0, f32::NAN);
    }
    let predicted = f64::from(predicted_return);
    let signal = i8::from(predicted > edge) - i8::from(predicted < -edge);
    (signal, (predicted.abs() / (3.0 * edge)).min(1.0) as f32)
}
