package deflate_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// jsonMessages makes 256 different messages as servers send them, of 1.1 KB on
// average, always the same: half of them chat, the rest orders, quotes, metrics and
// notifications.
func jsonMessages() [][]byte {
	g := &generator{rand.New(rand.NewPCG(7692, 1951))}
	messages := make([][]byte, 256)
	for i := range messages {
		var v any
		switch g.IntN(8) {
		case 0:
			v = g.order()
		case 1:
			v = g.quotes()
		case 2:
			v = g.metrics()
		case 3:
			v = g.notification()
		default:
			v = g.chat()
		}
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		messages[i] = b
	}
	return messages
}

type object map[string]any

type generator struct{ *rand.Rand }

var (
	nouns = strings.Fields(`account adapter agenda answer battery bottle button cable camera chair
		charger client coffee customer delivery desk display document door engine event file folder
		garden glass group harbour holder house idea invoice jacket keyboard lamp letter library lunch
		market meeting message meter monitor morning mountain notebook office order paper parcel
		pencil person picture plan price printer problem project question receipt record report river
		room route sample schedule screen server shipment signal speaker station street summer table
		team ticket train tripod update version village weather window winter word yesterday`)
	verbs = strings.Fields(`accept answer arrive ask bring build buy call carry change check choose
		close compare confirm count cover deliver describe drop explain fetch find finish follow forget
		give hold join keep leave lift look make mean meet miss move need open order pass pay plan
		prepare print promise push read reach receive repair reply return save sell send show sign
		start stay stop take tell think try turn use wait want wash work write`)
	names  = strings.Fields(`Anna Ben Carla David Elena Farid Grace Hiro Ines Jonas Karim Lena Mateo Nadia Oskar Priya Quentin Rosa Samir Tove`)
	places = strings.Fields(`Aarhus Bergen Cork Delft Essen Faro Graz Hull Izmir Jaca Kiel Linz Metz Nantes Oulu Porto`)
)

func (g *generator) pick(words []string) string { return words[g.IntN(len(words))] }

func (g *generator) sentence(words int) string {
	var b strings.Builder
	for i := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch i % 4 {
		case 0:
			b.WriteString(g.pick(strings.Fields("we you they please can I will the that")))
		case 1:
			b.WriteString(g.pick(verbs))
		case 2:
			b.WriteString(g.pick(strings.Fields("the a this my your every no some")))
		default:
			b.WriteString(g.pick(nouns))
		}
	}
	b.WriteByte('.')
	return b.String()
}

func (g *generator) time() string {
	return fmt.Sprintf("2026-%02d-%02dT%02d:%02d:%02d.%03dZ",
		1+g.IntN(12), 1+g.IntN(28), g.IntN(24), g.IntN(60), g.IntN(60), g.IntN(1000))
}

func (g *generator) user() object {
	return object{"id": g.IntN(50000), "name": g.pick(names), "online": g.IntN(2) == 0,
		"avatar": fmt.Sprintf("https://static.example.com/avatars/%08x.png", g.Uint32())}
}

func (g *generator) chat() object {
	var reactions []object
	for range 2 + g.IntN(3) {
		reactions = append(reactions, object{"emoji": g.pick(strings.Fields("👍 ❤ 😂 🎉 👀")), "count": g.IntN(20), "mine": g.IntN(4) == 0})
	}
	var replies []object
	for range 3 {
		replies = append(replies, object{"id": g.Uint32(), "user": g.user(), "sent": g.time(), "text": g.sentence(4 + g.IntN(12))})
	}
	return object{"type": "chat.message", "id": g.Uint32(), "room": "room-" + g.pick(nouns), "user": g.user(),
		"sent": g.time(), "text": g.sentence(12 + g.IntN(40)), "reactions": reactions, "replies": replies}
}

func (g *generator) order() object {
	var items []object
	for range 6 + g.IntN(4) {
		items = append(items, object{"sku": fmt.Sprintf("%s-%05d", strings.ToUpper(g.pick(nouns)[:3]), g.IntN(100000)),
			"name": g.pick(nouns) + " " + g.pick(nouns), "price": float64(g.IntN(50000)) / 100,
			"quantity": 1 + g.IntN(9), "inStock": g.IntN(3) > 0})
	}
	return object{"type": "order.updated", "id": g.Uint32(), "status": g.pick(verbs), "items": items, "updatedAt": g.time(),
		"customer": object{"name": g.pick(names) + " " + g.pick(places), "city": g.pick(places), "note": g.sentence(12)}}
}

func (g *generator) quotes() object {
	var quotes []object
	for range 12 + g.IntN(4) {
		bid := float64(g.IntN(100000)) / 100
		quotes = append(quotes, object{"symbol": strings.ToUpper(g.pick(places)[:4]), "bid": bid,
			"ask": bid + float64(g.IntN(100))/100, "volume": g.IntN(1000000), "change": float64(g.IntN(1000)-500) / 100})
	}
	return object{"type": "quotes", "sequence": g.IntN(1 << 30), "quotes": quotes}
}

func (g *generator) metrics() object {
	var nodes []object
	for i := range 8 + g.IntN(4) {
		nodes = append(nodes, object{"host": fmt.Sprintf("node-%02d.%s.example.com", i, strings.ToLower(g.pick(places))),
			"cpu": g.Float64(), "memory": g.Int64N(1 << 34), "requests": g.IntN(100000)})
	}
	return object{"type": "metrics", "region": g.pick(places), "at": g.time(), "nodes": nodes}
}

func (g *generator) notification() object {
	var list []object
	for range 4 + g.IntN(3) {
		list = append(list, object{"id": g.Uint32(), "kind": g.pick(verbs), "read": g.IntN(2) == 0, "at": g.time(),
			"title": g.sentence(4), "link": fmt.Sprintf("/%s/%d#%s", g.pick(nouns), g.IntN(10000), g.pick(nouns))})
	}
	return object{"type": "notifications", "unread": g.IntN(40), "list": list}
}
