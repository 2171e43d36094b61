#![no_main]

eidos_fuzz::target!("chat_server");
