#![no_main]

eidos_fuzz::target!("hub_server");
