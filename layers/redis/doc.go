// Package redislayer carries the groups of a [channels.Server] between processes
// over the pub/sub of Redis, or of what speaks its protocol.
//
//	layer, err := redislayer.Connect("redis://redis.example.com:6379", nil)
//	if err != nil {
//		return err
//	}
//	defer layer.Close()
//	srv := &channels.Server{Layer: layer}
//
// What the layer adds to the contract of [channels.Layer]:
//
//  1. Nothing is stored, and no key is touched. A topic is the channel "sluice:"
//     and the topic. The number of the database does not matter.
//  2. Where the server has sharded pub/sub (Redis 7 and later) that is used. In a
//     cluster a message then goes to one shard only, not to every node; topics are
//     spread over [Options.Shards] hash tags, and a process has one connection for
//     each that it subscribes to something of.
//  3. Publish returns when the server has answered; concurrent calls share a
//     connection and its writes. It is never tried again: after an error, but for
//     one that Redis has answered with, the message may or may not have been
//     delivered.
//  4. A lost connection is made again for as long as it takes, at intervals of up to
//     2 s. When the server has confirmed a subscription gap is called for it,
//     before the next message. A connection that is silent is given up after 10 s.
//  5. Messages are delivered by the goroutine that reads the connection: a deliver
//     that blocks holds up all topics of it. What waits at the server then is
//     bounded by its client-output-buffer-limit, over which the connection is lost.
//  6. When a shard moves to another node, or a replica takes a master's place, gap
//     is called too. What is lost while that happens is what the server lost; the
//     [channels.Server] tells how much, as it numbers what it publishes.
package redislayer
