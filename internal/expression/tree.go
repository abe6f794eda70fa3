package expression

// The tree of an expression. Each node knows where it starts.
type node interface{ pos() int }

type at int

func (a at) pos() int { return int(a) }

type (
	literal struct {
		at
		value Value
	}
	// textNode joins the texts of its parts: a string with spans in it, or a
	// block without operators.
	textNode struct {
		at
		parts []node
	}
	// spanNode is an inner <+ … >.
	spanNode struct {
		at
		inner node
		input bool
	}
	nameNode struct {
		at
		name string
	}
	// selectNode is x.name, x["name"] or x[0].
	selectNode struct {
		at
		from node
		key  node
	}
	// callNode is from.method(args); from is nil for a plain function.
	callNode struct {
		at
		from   node
		method string
		args   []node
	}
	unaryNode struct {
		at
		op string
		x  node
	}
	// binaryNode keeps the source between its operands: <+a>-<+b> of two
	// names is text.
	binaryNode struct {
		at
		op      string
		between string
		l, r    node
	}
	ternaryNode struct {
		at
		cond, yes, no node
	}
	listNode struct {
		at
		items []node
	}
	mapNode struct {
		at
		keys, values []node
	}
)
