package main

import "slices"

// guards is the table: the protocol's own guards, what was decided later, and
// what else the promises to customers rest on.
func guards() []guard {
	return slices.Concat(protocol(), decisions(), promises())
}

// script changes one of the ledger's scripts.
func script(name, old, replacement string) edit {
	return edit{scripts + name + ".lua", old, replacement}
}

// pool changes a file of the ledger and the protocol over it.
func pool(file, old, replacement string) edit {
	return edit{"shared/seats/" + file + ".go", old, replacement}
}

// record changes a file of the record.
func record(file, old, replacement string) edit {
	return edit{"shared/record/" + file + ".go", old, replacement}
}

// ledgerContract is a case of the ledger's contract, with the scripts on the
// embedded Redis: it is there in milliseconds, and every case runs on real
// servers as well.
func ledgerContract(name string) test {
	return seatsTest("TestLedgerContract/embedded/" + name)
}

func seatsTest(name string) test { return test{pkg: "shared/seats", name: name} }

// twin is a case of the record's contract on the in-memory record.
func twin(name string) test {
	return test{pkg: "shared/record", name: "TestMemoryKeepsTheContract/" + name}
}

// emulator is a case of the record's contract on the Firestore emulator.
func emulator(name string) test {
	return test{pkg: "shared/record", name: "TestFirestoreKeepsTheContract/" + name}
}

func functionsTest(name string) test { return test{pkg: "functions", name: name} }
