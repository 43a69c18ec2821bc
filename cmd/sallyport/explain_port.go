package main

import (
	"fmt"
	"strings"

	"sallyport/internal/config"
	"sallyport/policy"
)

// settings returns what the port is set to, and where that is written.
func (x *explainer) settings() (s explainedSettings, err error) {
	port := x.port
	own := func(value string, pos config.Position) *explainedSetting {
		return &explainedSetting{Value: value, Level: "port", Position: pos.String()}
	}
	s.Listen = own(port.Listen.Value.String(), port.Listen.Pos)
	s.Mode = own(string(port.Mode.Value), port.Mode.Pos)
	if port.ProxyProtocol {
		trusted := make([]string, len(port.ProxyTrusted))
		for i, p := range port.ProxyTrusted {
			trusted[i] = policy.PrefixText(p)
		}
		s.ProxyProtocol = own("require, from "+strings.Join(trusted, ", "), port.Pos)
	}
	if port.Mode.Value == config.ModePlaintext {
		return s, nil
	}
	s.TLSProfile = inherited(port.TLSProfile)
	s.ClientAuth = inherited(port.ClientAuth)
	if ca := port.Credentials.TrustedCA; ca.Set {
		s.TrustedCA = &explainedSetting{ca.Value, levelWord(port.Credentials.Level), ca.Pos.String()}
	}
	s.Certificate, err = x.certificate()
	return s, err
}

func inherited[T ~string](value config.Inherited[T]) *explainedSetting {
	s := &explainedSetting{Value: string(value.Value), Level: levelWord(value.Level)}
	if value.Set {
		s.Position = value.Pos.String()
	}
	return s
}

// certificate says which certificate the client is served.
func (x *explainer) certificate() (*explainedSetting, error) {
	served, err := x.plan.served(x.port, x.serverName)
	switch {
	case err != nil:
		return nil, err
	case served.from.Level == "" && served.credentials == nil:
		return &explainedSetting{Value: fmt.Sprintf("self-made at the first start, in %s", x.plan.config.Host.StateDir), Level: config.LevelDefault}, nil
	case served.from.Level == "":
		return &explainedSetting{Value: "self-made: " + served.credentials.Certificates[0].File, Level: config.LevelDefault}, nil
	}
	return &explainedSetting{
		Value:    strings.Join(values(served.from.Certificates), ", "),
		Level:    levelWord(served.from.Level),
		Position: served.from.Certificates[0].Pos.String(),
	}, nil
}
