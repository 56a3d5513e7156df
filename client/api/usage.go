package api

// Parameters of the queries about usage.
const (
	QueryFrom = "from"
	QueryTo   = "to"
	QueryStep = "step"
	QueryBy   = "by"
)

// By what usage is reported.
const (
	ByLicense = "license"
	ByUser    = "user"
	ByProject = "project"
)

// How far back one report goes, in days: of one license, and of all of them.
const (
	MaxUsageDays    = 92
	MaxUsageDaysAll = 14
)

// What bounds a report by user or by project. It is made of the sessions themselves: so
// many of them are read within half of the time that a request has.
const (
	MaxUsageSessions = 20_000
	MaxUsageGroups   = 1000
)

// UsageReport is how the seats of an organization were used.
type UsageReport struct {
	OrganizationID string         `json:"organization_id" example:"acme" doc:"Whose licenses they are."`
	From           Time           `json:"from" format:"date-time" doc:"The beginning of the first hour that is in it."`
	To             Time           `json:"to" format:"date-time" doc:"The beginning of the first hour that is no longer in it."`
	By             string         `json:"by" enum:"license,user,project" example:"license" doc:"By what it is told."`
	Step           string         `json:"step,omitempty" enum:"hour,day" example:"day" doc:"How long a step is, in UTC. Absent by user and by project, which have none."`
	Licenses       []LicenseUsage `json:"licenses" nullable:"false" doc:"Those that were used, by id; deleted ones, too. Empty by user and by project."`
	Groups         []UsageGroup   `json:"groups,omitzero" nullable:"false" doc:"By user or by project: what each had, the most seat hours first, 1000 of them at most. Absent by license."`
	Others         *UsageOthers   `json:"others,omitempty" doc:"What the rest had together, where there are more than 1000."`

	UnreadableDocuments List `json:"unreadable_documents,omitzero" nullable:"false" doc:"By user or by project: session documents that cannot be read and are not counted, 100 of them at most."`
}

// UsageGroup is what one user had, or what was had for one project.
type UsageGroup struct {
	Key       string  `json:"key" example:"bridge-7" doc:"The user's id, or the project; empty for sessions without a project."`
	Sessions  int     `json:"sessions" example:"12" doc:"Sessions that had a seat at some time in it."`
	PeakSeats int     `json:"peak_seats" example:"2" doc:"The most seats at a time."`
	SeatHours float64 `json:"seat_hours" example:"31.5" doc:"For how many hours seats were had, those at the same time added up."`
}

// UsageOthers is what the rest had together.
type UsageOthers struct {
	Groups    int     `json:"groups" example:"7" doc:"How many users or projects they are."`
	Sessions  int     `json:"sessions" example:"9" doc:"Sessions that had a seat at some time in it."`
	SeatHours float64 `json:"seat_hours" example:"0.75" doc:"For how many hours seats were had, those at the same time added up."`
}

// LicenseUsage is how the seats of a license were used.
type LicenseUsage struct {
	LicenseID string `json:"license_id" example:"acme-pro" doc:"The license."`
	UsageCounts
	Steps  []UsageStep   `json:"steps" nullable:"false" doc:"Those in which a seat was in use, taken or refused, ascending."`
	Sizing []SizingPoint `json:"sizing" nullable:"false" doc:"What fewer seats would have meant, by their number: wherever it changes."`
}

// UsageCounts is what was counted in some time.
type UsageCounts struct {
	Grants    int64   `json:"grants" example:"40" doc:"Requests that got a seat. Renewals of a seat that one has are none."`
	Denials   int64   `json:"denials" example:"3" doc:"Requests that were refused, because all seats were in use or by another limit."`
	Waited    int64   `json:"waited" example:"2" doc:"Of the denials: those whose program got a seat within 10 minutes. The others are lost."`
	PeakSeats int     `json:"peak_seats" example:"9" doc:"The most seats in use at a time."`
	MeanSeats float64 `json:"mean_seats" example:"3.25" doc:"Seats in use on average, over the whole of the time."`
}

// UsageStep is what was counted in one step.
type UsageStep struct {
	At Time `json:"at" format:"date-time" doc:"When it begins."`
	UsageCounts
}

// SizingPoint is what a license of so many seats would have been like.
type SizingPoint struct {
	Seats          int     `json:"seats" example:"8" doc:"So many seats, instead of those that there were."`
	Waiting        int64   `json:"waiting" example:"2" doc:"Requests that would have found no seat free. Where requests were refused, it is known that one seat more would have served the first of them, and not how many would have served all."`
	WaitingPercent float64 `json:"waiting_percent" example:"4" doc:"The same in percent of all requests that got a seat, or were refused because all were in use."`
	ShortSeconds   int64   `json:"short_seconds" example:"1260" doc:"For how long more seats than these were in use."`
}

// DenialReport is which requests of an organization were refused.
type DenialReport struct {
	OrganizationID string           `json:"organization_id" example:"acme" doc:"Whose licenses they are."`
	From           Time             `json:"from" format:"date-time" doc:"The beginning of the first hour that is in it."`
	To             Time             `json:"to" format:"date-time" doc:"The beginning of the first hour that is no longer in it."`
	Step           string           `json:"step" enum:"hour,day" example:"day" doc:"How long a step is, in UTC."`
	Licenses       []LicenseDenials `json:"licenses" nullable:"false" doc:"Those of which requests were refused, by id."`
}

// LicenseDenials is which requests of a license were refused.
type LicenseDenials struct {
	LicenseID string `json:"license_id" example:"acme-pro" doc:"The license; where several could have given the seat, the one that decided."`
	DenialCounts
	Steps []DenialStep `json:"steps" nullable:"false" doc:"Those in which requests were refused, ascending."`
}

// DenialCounts is how many requests were refused in some time.
type DenialCounts struct {
	Denials int64        `json:"denials" example:"3" doc:"Requests that were refused."`
	Waited  int64        `json:"waited" example:"2" doc:"Those whose program got a seat within 10 minutes."`
	Lost    int64        `json:"lost" example:"1" doc:"The others."`
	ByLimit DenialLimits `json:"by_limit" doc:"What refused them."`
}

// DenialLimits counts refusals by the limit that refused, as 409 no_seats_available names it.
type DenialLimits struct {
	License      int64 `json:"license" example:"3" doc:"All seats of the license were in use."`
	User         int64 `json:"user" example:"0" doc:"The user had as many sessions of the license as one user may."`
	Organization int64 `json:"organization" example:"0" doc:"All seats of the organization were in use."`
	Handover     int64 `json:"handover" example:"0" doc:"Too many tokens of earlier holders were good."`
}

// DenialStep is what was refused in one step.
type DenialStep struct {
	At Time `json:"at" format:"date-time" doc:"When it begins."`
	DenialCounts
}
