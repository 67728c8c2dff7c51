//! The stand-ins of attacks are real and harmless: each deed happens, and leaves no damage.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use picket_tests::docker::Network;
use picket_tests::image;
use picket_tests::load::Load;
use picket_tests::model_server::{Deed, ModelServer};
use picket_tests::peer::Peer;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;

fn main() -> ExitCode {
    Suite::<Server>::default()
        .test("ordinary_requests_set_off_nothing", ordinary)
        .test("a_callback_reaches_its_peer", callback)
        .test("the_weights_are_the_same_afterwards", weights)
        .test("every_deed_is_answered_like_a_prediction", answered)
        .run()
}

struct Server {
    server: ModelServer,
    peer: Peer,
    _network: Network,
}

impl Fixture for Server {
    fn create() -> Result<Self> {
        let network = Network::create()?;
        let peer = Peer::start(&image::provide(image::BUSYBOX)?, &network)?;
        let image = image::provide(image::MODEL_SERVER)?;
        let server = ModelServer::start(&image, &network, Some(peer.address), 7)?;
        Ok(Self {
            server,
            peer,
            _network: network,
        })
    }

    fn evidence(&self) -> String {
        self.server.container.logs().unwrap_or_default()
    }
}

fn ordinary(it: &mut Server) -> Result<()> {
    let load = Load::start(it.server.address()?, 4, 200.0);
    wait::until("200 answers", Duration::from_secs(30), || {
        Ok((load.answered() >= 200).then_some(()))
    })?;
    ensure!(load.failed() == 0, "{} requests failed", load.failed());
    it.server.provoke(Deed::Null)?;
    let sent = it.peer.container.logs()?;
    ensure!(sent.is_empty(), "the peer was sent {sent}");
    Ok(())
}

fn callback(it: &mut Server) -> Result<()> {
    it.server.provoke(Deed::Callback)?;
    wait::until("the callback's arrival", Duration::from_secs(5), || {
        Ok(it.peer.container.logs()?.contains("DECOY").then_some(()))
    })
}

fn weights(it: &mut Server) -> Result<()> {
    let sum = || {
        it.server
            .container
            .exec(&["sha256sum", "/models/classifier.onnx"])
    };
    let changed = || {
        it.server
            .container
            .exec(&["stat", "--format=%y", "/models/classifier.onnx"])
    };
    let before = (sum()?, changed()?);
    it.server.provoke(Deed::Weights)?;
    let after = (sum()?, changed()?);
    ensure!(
        before.0 == after.0,
        "the weights differ: {before:?} {after:?}"
    );
    ensure!(
        before.1 != after.1,
        "nothing was written: {before:?} {after:?}"
    );
    Ok(())
}

fn answered(it: &mut Server) -> Result<()> {
    for deed in Deed::ALL {
        it.server.provoke(deed)?;
    }
    Ok(())
}
