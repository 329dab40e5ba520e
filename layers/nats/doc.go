// Package natslayer carries the groups of a [channels.Server] between processes
// over NATS.
//
//	layer, err := natslayer.Connect("nats://nats.example.com", nil)
//	if err != nil {
//		return err
//	}
//	defer layer.Close()
//	srv := &channels.Server{Layer: layer}
//
// What the layer adds to the contract of [channels.Layer]:
//
//  1. It uses core NATS: nothing is stored, and JetStream is not needed. A topic is
//     the subject "sluice." and the topic with '/' for '.', so that every topic is
//     one token and the permission "sluice.*" is for all.
//  2. Publish returns when the message is in the buffer of the connection, which is
//     written at once. While there is no connection Publish fails, with
//     [ErrDisconnected]. What was in the buffer when the connection broke is lost;
//     no message is sent twice.
//  3. Subscribe waits for the server to confirm. In a cluster the server tells the
//     others after that, which takes as long as a message to them: what another
//     process publishes because it has heard, over NATS, of the subscription is
//     delivered; what it publishes in the same instant may not be.
//  4. A lost connection is made again, to any server of the cluster, for as long as
//     it takes. When the server has confirmed the subscriptions gap is called for
//     each. A connection that is silent is given up after 20 to 30 s.
//  5. A subscription that has more than [Options.PendingMessages] or
//     [Options.PendingBytes] waiting loses what comes next; gap is called before
//     the next message that is delivered.
//  6. What is lost between two servers of a cluster is not noticed here, but by the
//     [channels.Server], which numbers what it publishes.
package natslayer
