//! State of the live view: newest figures, last minutes, processes, and the order and filter that
//! the user chose. It does not depend on the terminal.

use host_metrics::source::process::ProcessFields;

use super::history::History;
use super::latest::LatestFigures;
use super::process::{ProcessView, Sort};
use crate::figure::Figures;

/// Largest length of a filter, in characters; further ones are ignored.
const FILTER_CHARS: usize = 64;

/// Properties of the view that are set when it starts. Only `fields` changes later, when the user
/// orders processes by I/O.
#[derive(Debug, Clone, Default)]
pub(crate) struct ViewInfo {
    /// Host name of the machine.
    pub host: String,
    /// Number of the machine's cores; `None` if it is unknown.
    pub cores: Option<u64>,
    /// Time between samples in nanoseconds.
    pub interval_ns: u64,
    /// True if `--follow` names processes.
    pub follows: bool,
    /// Groups of figures that are read of processes in addition to CPU time and memory.
    pub fields: ProcessFields,
}

/// CPU time and memory that the live view itself uses.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WatchCost {
    /// Mean number of cores that this program used since the last sample; `None` at the first
    /// sample.
    pub cores: Option<f64>,
    /// Peak resident memory of this program in bytes; `None` if it cannot be read.
    pub rss_max_bytes: Option<u64>,
    /// Number of samples that were due and not taken, since the start of the view or its last
    /// suspension.
    pub missed: u64,
}

/// Results of one sample, as the model takes them.
#[derive(Debug, Default)]
pub(crate) struct SampleUpdate {
    /// End of the sample, in nanoseconds of the monotonic clock.
    pub at_ns: u64,
    /// Time of day after the sample, as in `14:05:09 UTC`.
    pub clock: String,
    /// Figures of the machine in this sample.
    pub figures: Figures,
    /// All processes, in no particular order; empty if they could not be listed.
    pub processes: Vec<ProcessView>,
    /// Readings that failed so far, each with its name and the reason.
    pub absent: Vec<(String, String)>,
    /// Cost of the live view itself.
    pub own: WatchCost,
}

/// State of the machine at one sample, with its history.
#[derive(Debug, Clone)]
pub(crate) struct ViewState {
    /// Newest figures of the machine, by name and labels.
    pub(crate) machine: LatestFigures,
    /// Figures of the last minutes, for sparklines.
    pub(crate) history: History,
    /// All processes, in no particular order.
    pub(crate) processes: Vec<ProcessView>,
    /// Readings that failed so far, each with its name and the reason.
    pub(crate) absent: Vec<(String, String)>,
    /// Cost of the live view itself.
    pub(crate) own: WatchCost,
    /// Time of day after the sample, as in `14:05:09 UTC`; empty before the first.
    pub(crate) clock: String,
}

/// State of the live view: the newest sample, the paused one, and the choices of the user.
#[derive(Debug)]
pub(crate) struct Model {
    /// Properties that are set when the view starts.
    pub(crate) about: ViewInfo,
    /// Order in which processes are shown.
    pub(crate) sort: Sort,
    /// True if the order of processes is reversed.
    pub(crate) reversed: bool,
    /// Text that the name, process id or command line of a shown process must contain, in any case;
    /// empty for no filter.
    pub(crate) filter: String,
    /// True if the help is shown.
    pub help: bool,
    /// True if only processes that `--follow` names are shown.
    pub(crate) only_followed: bool,
    live: ViewState,
    frozen: Option<Box<ViewState>>,
    typing: Option<String>,
    first: usize,
    page: usize,
}

impl Model {
    /// Creates the state of a view that has no sample yet. With `--follow` it shows only the
    /// followed processes.
    pub(crate) fn new(about: ViewInfo) -> Self {
        let only_followed = about.follows;
        Self {
            live: ViewState {
                machine: LatestFigures::default(),
                history: History::new(about.interval_ns),
                processes: Vec::new(),
                absent: Vec::new(),
                own: WatchCost::default(),
                clock: String::new(),
            },
            about,
            sort: Sort::Cpu,
            reversed: false,
            filter: String::new(),
            help: false,
            only_followed,
            frozen: None,
            typing: None,
            first: 0,
            page: 1,
        }
    }

    /// Takes over the results of a sample. They are also taken over while the view is paused, so
    /// that rates and history have no gap afterwards.
    pub(crate) fn take(&mut self, news: SampleUpdate) {
        let live = &mut self.live;
        live.machine.take(news.at_ns, news.figures);
        live.history
            .take(news.at_ns, &live.machine, self.about.cores);
        live.processes = news.processes;
        live.absent = news.absent;
        live.own = news.own;
        live.clock = news.clock;
        self.scroll(0);
    }

    /// Returns the state that is shown: the newest one, or the one at which the view was paused.
    pub(crate) fn shown(&self) -> &ViewState {
        self.frozen.as_deref().unwrap_or(&self.live)
    }

    /// Returns true if the view is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.frozen.is_some()
    }

    /// Pauses the view at its newest state, or resumes a paused view.
    pub(crate) fn pause(&mut self) {
        self.frozen = match self.frozen.take() {
            Some(_) => None,
            None => Some(Box::new(self.live.clone())),
        };
        self.scroll(0);
    }

    /// Returns those processes of the shown state that pass the filter and the choice of followed
    /// ones, in the chosen order.
    pub(crate) fn processes(&self) -> Vec<&ProcessView> {
        let all = self.shown().processes.iter();
        let mut chosen: Vec<&ProcessView> = all.filter(|process| self.passes(process)).collect();
        chosen.sort_by(|a, b| self.sort.order(self.reversed, a, b));
        chosen
    }

    /// Returns the groups of figures that the view needs of each process. They include disk
    /// transfers once the user has ordered processes by them.
    pub(crate) fn fields(&self) -> ProcessFields {
        self.about.fields
    }

    /// Orders processes by `sort` and scrolls to the first. If they already have that order,
    /// reverses it.
    pub(crate) fn sort_by(&mut self, sort: Sort) {
        self.reversed = self.sort == sort && !self.reversed;
        self.sort = sort;
        self.about.fields.io |= sort == Sort::Io;
        self.first = 0;
    }

    /// Switches between all processes and only the followed ones, and scrolls to the first. Without
    /// `--follow` all are shown.
    pub(crate) fn toggle_followed(&mut self) {
        self.only_followed = self.about.follows && !self.only_followed;
        self.first = 0;
    }

    /// Begins the input of a filter, which starts with the present one.
    pub(crate) fn begin_filter(&mut self) {
        self.typing = Some(self.filter.clone());
    }

    /// Returns true while the user types a filter.
    pub(crate) fn is_typing(&self) -> bool {
        self.typing.is_some()
    }

    /// Appends a character to the filter, unless it is a control character or the filter has the
    /// largest length.
    pub(crate) fn type_filter(&mut self, c: char) {
        if !c.is_control() && self.filter.chars().count() < FILTER_CHARS {
            self.filter.push(c);
            self.first = 0;
        }
    }

    /// Removes the last character of the filter, if it has any.
    pub(crate) fn erase_filter(&mut self) {
        self.filter.pop();
        self.first = 0;
    }

    /// Ends the input: keeps the filter if `stays`, otherwise restores the one from before the
    /// input.
    pub(crate) fn end_filter(&mut self, stays: bool) {
        if let (Some(before), false) = (self.typing.take(), stays) {
            self.filter = before;
        }
        self.first = 0;
    }

    /// Removes the filter and scrolls to the first process. Returns true if there was a filter.
    pub(crate) fn drop_filter(&mut self) -> bool {
        self.first = 0;
        !std::mem::take(&mut self.filter).is_empty()
    }

    /// Returns the index of the first process on the screen, in the list of those that are shown.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// Returns the number of processes that the screen has room for; at least 1.
    pub(crate) fn page(&self) -> usize {
        self.page
    }

    /// Sets the number of processes that the screen has room for; 0 counts as 1.
    pub(crate) fn set_page(&mut self, rows: usize) {
        self.page = rows.max(1);
        self.scroll(0);
    }

    /// Scrolls the list of processes down by `rows`, or up if that is negative, but not beyond its
    /// ends.
    pub(crate) fn scroll(&mut self, rows: isize) {
        let all = self.shown().processes.iter();
        let count = all.filter(|process| self.passes(process)).count();
        let last = count.saturating_sub(self.page);
        self.first = self.first.saturating_add_signed(rows).min(last);
    }

    fn passes(&self, process: &ProcessView) -> bool {
        let asked_for = !self.only_followed || process.follow.is_some();
        asked_for && (self.filter.is_empty() || process.matches(&self.filter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::process::{CORES, MEMORY};

    fn process(pid: u32, name: &str, cores: f64) -> ProcessView {
        ProcessView {
            pid,
            name: name.to_owned(),
            command: None,
            follow: (name == "postgres").then(|| name.to_owned()),
            figures: vec![(CORES, cores), (MEMORY, 1.0)],
        }
    }

    fn seen(names: &[&str]) -> SampleUpdate {
        let numbered = (1..).zip(names);
        SampleUpdate {
            processes: numbered
                .map(|(pid, name)| process(pid, name, f64::from(100 - pid)))
                .collect(),
            ..SampleUpdate::default()
        }
    }

    fn shown(model: &Model) -> Vec<u32> {
        model.processes().iter().map(|p| p.pid).collect()
    }

    #[test]
    fn a_filter_can_be_typed_kept_and_dropped() {
        let mut model = Model::new(ViewInfo::default());
        model.take(seen(&["postgres", "redis", "post"]));
        model.begin_filter();
        for c in "post\u{1b}\n".chars() {
            model.type_filter(c);
        }
        assert_eq!((model.filter.as_str(), shown(&model)), ("post", vec![1, 3]));
        model.end_filter(true);
        model.begin_filter();
        model.type_filter('g');
        assert_eq!(shown(&model), [1]);
        model.erase_filter();
        model.erase_filter();
        model.end_filter(false);
        assert_eq!(model.filter, "post");
        assert!(model.drop_filter() && !model.drop_filter());
        assert_eq!(shown(&model), [1, 2, 3]);
        model.begin_filter();
        for _ in 0..1000 {
            model.type_filter('x');
        }
        assert_eq!(model.filter.len(), FILTER_CHARS);
    }

    #[test]
    fn asked_twice_for_an_order_it_turns_round() {
        let mut model = Model::new(ViewInfo::default());
        model.take(seen(&["b", "a", "c"]));
        assert_eq!(shown(&model), [1, 2, 3]);
        model.sort_by(Sort::Cpu);
        assert_eq!(shown(&model), [3, 2, 1]);
        model.sort_by(Sort::Name);
        assert_eq!(shown(&model), [2, 1, 3]);
        model.sort_by(Sort::Name);
        assert_eq!(shown(&model), [3, 1, 2]);
    }

    #[test]
    fn paused_it_stands_still_and_then_shows_what_came_meanwhile() {
        let mut model = Model::new(ViewInfo::default());
        model.take(seen(&["a", "b"]));
        model.pause();
        model.take(seen(&["c"]));
        assert!(model.is_paused());
        assert_eq!(shown(&model), [1, 2]);
        model.pause();
        assert_eq!(shown(&model), [1]);
    }

    #[test]
    fn the_list_scrolls_to_its_ends_and_no_further() {
        let mut model = Model::new(ViewInfo::default());
        model.take(seen(&["x"; 10]));
        model.set_page(4);
        model.scroll(-1);
        assert_eq!(model.first(), 0);
        model.scroll(isize::MAX);
        assert_eq!(model.first(), 6);
        model.scroll(-1);
        assert_eq!(model.first(), 5);
        model.take(seen(&["x"; 5]));
        assert_eq!(model.first(), 1);
        model.take(seen(&[]));
        assert_eq!(model.first(), 0);
    }

    #[test]
    fn those_asked_for_are_shown_first_and_all_on_request() {
        let mut model = Model::new(ViewInfo {
            follows: true,
            ..ViewInfo::default()
        });
        model.take(seen(&["redis", "postgres"]));
        assert_eq!(shown(&model), [2]);
        model.toggle_followed();
        assert_eq!(shown(&model), [1, 2]);
        let mut nobody = Model::new(ViewInfo::default());
        nobody.toggle_followed();
        nobody.take(seen(&["redis"]));
        assert_eq!(shown(&nobody), [1]);
    }
}
