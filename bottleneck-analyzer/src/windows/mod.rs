//! Windows: the measured part of a step, cut into equal parts, so that rules see what changed during it.

mod step_windows;
mod window_trend;
mod windowed_series;

pub(crate) use step_windows::StepWindows;
pub(crate) use window_trend::WindowTrend;
pub(crate) use windowed_series::WindowedSeries;
