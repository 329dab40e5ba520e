package auth

import (
	"context"

	"github.com/sluicehq/sluice/channels"
)

// User returns the user of the request or connection that ctx belongs to. It returns
// false for nobody: not logged in, unknown, inactive, or with credentials that are
// no good. At the first use it asks the session's store and a backend; if one of
// them fails it returns false too, and the response that is made of that is
// replaced, see [Gate.Handler]. [Resolve] tells these apart.
//
// It panics when there is no [Gate] around the code that calls it, and when the
// Gate's users are of another type, such as *Account in place of Account. U must be
// the very type.
func User[U Identity](ctx context.Context) (U, bool) {
	user, ok, err := Resolve[U](ctx)
	return user, ok && err == nil
}

// Resolve is [User] with the reason: ErrUnavailable when it could not be found out
// who this is, ErrDenied or ErrMalformed when the credentials are no good. A
// client that shows none is nobody, which is no error.
func Resolve[U Identity](ctx context.Context) (U, bool, error) {
	st := lookup[U](ctx, "auth.User")
	if st == nil {
		panic(noGate)
	}
	if err := st.find(ctx); err != nil {
		var nobody U
		return nobody, false, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.login.user, st.login.id != "", nil
}

// UserID is [User] for code that does not know its type.
func UserID(ctx context.Context) (string, bool) {
	if scope, ok := channels.ScopeFrom(ctx); ok {
		if st, ok := scope.Value(slotKey{}).(holder); ok {
			id, ok, err := st.current(ctx)
			return id, ok && err == nil
		}
	}
	panic(noGate)
}

// WithUser makes u the user of ctx's scope, and makes one if there is none. It is for
// wrappers of one's own, for tests, and for the Open of a channels.Protocol, where
// [Gate.Adopt] does more: it has the connection rechecked. A nil user, or one with an
// empty ID, is nobody. The browser's session is not touched.
//
// A wrapper around an http.Handler calls [channels.EnsureScope] first, so that the
// scope is that of the request.
func WithUser[U Identity](ctx context.Context, u U) context.Context {
	if _, ok := channels.ScopeFrom(ctx); !ok {
		ctx = channels.ContextWithScope(ctx, channels.NewScope("", ""))
	}
	scope, _ := channels.ScopeFrom(ctx)
	st := lookup[U](ctx, "auth.WithUser")
	if st == nil {
		st = new(state[U])
		scope.SetValue(slotKey{}, st)
	}
	var who login[U]
	if id := idOf(u); id != "" {
		who = newLogin(u, id)
	}
	st.become(ctx, &who)
	return ctx
}

// WithNobody says that nobody is logged in: where there is no Gate, User then returns
// false in place of a panic.
func WithNobody[U Identity](ctx context.Context) context.Context {
	var nobody U
	if idOf(nobody) != "" {
		panic("auth: the zero user has an ID: an empty one must mean nobody")
	}
	return WithUser(ctx, nobody)
}
