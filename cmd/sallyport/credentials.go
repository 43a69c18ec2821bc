package main

import (
	"strings"

	"sallyport/certs"
	"sallyport/internal/config"
)

// credentials loads one level's files and reports what is wrong with them where the
// configuration names them. It returns nil if they cannot be used. A level that several
// ports inherit is reported once.
func (p *planner) credentials(c config.Credentials, purpose certs.Purpose) *certs.Credentials {
	files := certs.Files{
		Purpose:      purpose,
		Certificates: values(c.Certificates),
		Keys:         values(c.Keys),
		PasswordFile: c.PasswordFile.Value,
		TrustedCA:    c.TrustedCA.Value,
		CRLs:         values(c.CRLs),
	}
	p.files = append(p.files, filesOf(files)...)
	creds, errs := p.reading.Load(files)
	for _, err := range errs {
		p.reportOnce(fileProblem(c, err))
	}
	return creds
}

func (p *planner) reportOnce(problem config.Problem) {
	if p.reported[problem] {
		return
	}
	if p.reported == nil {
		p.reported = make(map[config.Problem]bool)
	}
	p.reported[problem] = true
	p.report(problem)
}

// fileProblem puts an error about a file to the key that names the file.
func fileProblem(c config.Credentials, err *certs.FileError) config.Problem {
	at := located(c, err)
	if err.Warning {
		problem := at.Warning(err.Error(), err.Hint)
		problem.Passing = err.Passing
		return problem
	}
	return at.Problem(err.Error(), err.Hint)
}

// located returns the place in the configuration that an error is about. A key that is
// looked for in the certificate's file is that file's matter.
func located(c config.Credentials, err *certs.FileError) config.Located[string] {
	switch err.Part {
	case certs.PartKey:
		if err.Index < len(c.Keys) {
			return c.Keys[err.Index]
		}
	case certs.PartPassword:
		if c.PasswordFile.Set {
			return c.PasswordFile
		}
	case certs.PartTrustedCA:
		if c.TrustedCA.Set {
			return c.TrustedCA
		}
	case certs.PartCRL:
		if err.Index < len(c.CRLs) {
			return c.CRLs[err.Index]
		}
	}
	if err.Index < len(c.Certificates) {
		return c.Certificates[err.Index]
	}
	return config.Located[string]{}
}

func values[T any](list []config.Located[T]) []T {
	var plain []T
	for _, l := range list {
		plain = append(plain, l.Value)
	}
	return plain
}

// namesHint tells the names that a certificate does have.
func namesHint(c *certs.Certificate) string {
	if len(c.Names()) == 0 {
		return "it has no subject alternative names at all; a common name alone does not count"
	}
	return "it is valid for " + namesOf(c)
}

func namesOf(c *certs.Certificate) string { return strings.Join(c.Names(), ", ") }

// developmentCredentials returns the self-made certificate if it was made already, nil otherwise.
func (p *plan) developmentCredentials() (*certs.Credentials, error) {
	files, exist := certs.DevelopmentFiles(p.config.Host.StateDir)
	if !exist {
		return nil, nil
	}
	creds, errs := certs.NewLoader().Load(files)
	if creds == nil {
		return nil, errs[0]
	}
	return creds, nil
}
