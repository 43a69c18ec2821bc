package config

// Inherited is a flag that is inherited by itself, with the level that set it.
type Inherited[T any] struct {
	Located[T]

	// Level is LevelDefault, LevelHost, or the name of an application or port.
	Level string
}

// flags are the settings that are inherited one by one.
type flags struct {
	profile Inherited[TLSProfile]
	auth    Inherited[ClientAuth]
	tickets Inherited[bool]
}

// flags validates what a level sets and takes the rest from the outer one.
func (c *checker) flags(outer flags, raw rawFlags, level string) flags {
	profile := choose(c, raw.TLSProfile, ProfileModern, ProfileIntermediate, ProfileLegacy)
	if profile.Set && profile.Value == ProfileLegacy {
		c.report(profile.Warning("the legacy profile allows old versions of TLS and weak ciphers",
			"use it only on the ports whose clients cannot be replaced"))
	}
	return flags{
		profile: inherit(outer.profile, profile, level),
		auth:    inherit(outer.auth, choose(c, raw.ClientAuth, ClientAuthNone, ClientAuthRequest, ClientAuthRequire), level),
		tickets: inherit(outer.tickets, raw.SessionTickets, level),
	}
}

func inherit[T any](outer Inherited[T], own Located[T], level string) Inherited[T] {
	switch {
	case own.Set:
		return Inherited[T]{Located: own, Level: level}
	case outer.Level == "": // the outermost level: an unset value is the default
		return Inherited[T]{Located: own, Level: LevelDefault}
	default:
		return outer
	}
}
