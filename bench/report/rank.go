package report

// chance returns how probable it is that two samples of the same thing differ as much as a and b do: the exact two-sided
// rank test of Mann and Whitney. Ties count half, which leaves it on the safe side.
func chance(a, b []float64) float64 {
	wins := 0 // of a over b, twice, so that ties stay whole
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				wins += 2
			case x == y:
				wins++
			}
		}
	}
	pairs := len(a) * len(b)
	fewer := (min(wins, 2*pairs-wins) + 1) / 2
	ways := orders(len(a), len(b))
	all, tail := 0.0, 0.0
	for u, n := range ways {
		all += n
		if u <= fewer {
			tail += n
		}
	}
	return min(1, 2*tail/all)
}

// orders returns for each number of wins, from none to n*m, how many orders of n and m different values have it: the
// coefficients of the product of (1-q^(m+i))/(1-q^i), i from 1 to n.
func orders(n, m int) []float64 {
	ways := make([]float64, n*m+1)
	ways[0] = 1
	for i := 1; i <= n; i++ {
		for u := n * m; u >= m+i; u-- {
			ways[u] -= ways[u-m-i]
		}
		for u := i; u <= n*m; u++ {
			ways[u] += ways[u-i]
		}
	}
	return ways
}
