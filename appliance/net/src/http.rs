//! HTTP as a service: `applgen-http` over the seam.

#[cfg(feature = "log")]
use crate::log;
use crate::service::{After, Answer, At, Step, Surroundings};
use applgen_bundle::http::Site;
#[cfg(feature = "log")]
use applgen_http::log::Format;
use applgen_http::{Connection, Reply};

/// The site, and where it is served.
#[derive(Debug)]
pub struct Http<'b> {
    /// What is served.
    pub site: Site<'b>,
    /// Where.
    pub at: At,
    /// What the lines of the access log look like, if there is one.
    #[cfg(feature = "log")]
    pub log: Option<Format>,
}

impl<'b> Http<'b> {
    /// One step of a connection.
    pub fn step(
        &self,
        connection: &mut Connection,
        input: &[u8],
        with: &mut Surroundings<'_>,
    ) -> Step<'b> {
        match connection.step(&self.site, input, with.clock.date(), with.head) {
            applgen_http::Step::Need { consumed } => Step::Need(consumed),
            applgen_http::Step::Reply { consumed, reply } => {
                #[cfg(feature = "log")]
                if let Some(format) = self.log
                    && !reply.unfinished
                {
                    log::access(format, with, input, &reply);
                }
                Step::Answer(consumed, answer(&reply))
            }
        }
    }

    /// What a client is told that did not finish its request in time.
    pub fn timed_out(&self, with: &mut Surroundings<'_>) -> Answer<'b> {
        let reply = applgen_http::timed_out(with.clock.date(), with.head);
        #[cfg(feature = "log")]
        if let Some(format) = self.log {
            log::access(format, with, &[], &reply);
        }
        answer(&reply)
    }
}

fn answer<'b>(reply: &Reply<'b>) -> Answer<'b> {
    Answer {
        head_len: reply.head_len,
        slices: reply.slices,
        // What a client still sends is dropped in either case: the transport
        // waits for its end.
        after: match reply.close {
            true => After::Close,
            false => After::Stay,
        },
    }
}
