package policy

// twins are what tables still note while they are built. Nobody looks at them any more.
type twins struct{ a, b int32 }

func (m *tableMaker) noteTwins(a, b int32) {}

func (m *tableMaker) noteFree(ids []int32) {}

func (b *builder) keepTwins(t *table, port int) {}
