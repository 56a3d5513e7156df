package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coditect-ai/coditect-licenses/shared/license"
)

// standIn speaks Firestore's protocol. It has the large organization and its sessions,
// newest first, makes their documents up as they are read, and takes Firestore's time for
// each call. Whatever a query asks to be equal is so of all of them.
type standIn struct {
	firestorepb.UnimplementedFirestoreServer

	server *grpc.Server
	served sync.WaitGroup
	addr   string
	n      int
	call   time.Duration

	documents atomic.Int64
	waited    atomic.Int64 // nanoseconds
}

func newStandIn(n int, call time.Duration) (*standIn, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // of this process
	if err != nil {
		return nil, err
	}
	f := &standIn{server: grpc.NewServer(), addr: listener.Addr().String(), n: n, call: call}
	firestorepb.RegisterFirestoreServer(f.server, f)
	f.served.Go(func() { _ = f.server.Serve(listener) })
	return f, nil
}

func (f *standIn) close() {
	f.server.Stop()
	f.served.Wait()
}

func (f *standIn) wait() {
	start := time.Now()
	<-time.After(f.call)
	f.waited.Add(int64(time.Since(start)))
}

// BatchGetDocuments implements [firestorepb.FirestoreServer].
func (f *standIn) BatchGetDocuments(r *firestorepb.BatchGetDocumentsRequest, to firestorepb.Firestore_BatchGetDocumentsServer) error {
	f.wait()
	for _, name := range r.GetDocuments() {
		answer := &firestorepb.BatchGetDocumentsResponse{ReadTime: timestamppb.Now()}
		if found := f.document(name); found != nil {
			f.documents.Add(1)
			answer.Result = &firestorepb.BatchGetDocumentsResponse_Found{Found: found}
		} else {
			answer.Result = &firestorepb.BatchGetDocumentsResponse_Missing{Missing: name}
		}
		if err := to.Send(answer); err != nil {
			return err
		}
	}
	return nil
}

// document is nil where there is none.
func (f *standIn) document(name string) *firestorepb.Document {
	switch collection := path.Base(path.Dir(name)); collection {
	case "orgs":
		return documentOf(name, map[string]*firestorepb.Value{
			"name": text("Large"), "status": text("active"), "max_concurrent_seats": number(int64(f.n)),
		})
	case "sessions":
		if i, ok := placeOf(name); ok {
			return sessionDocument(path.Dir(name), i, nil)
		}
	}
	return nil
}

// RunQuery implements [firestorepb.FirestoreServer]: the list goes on behind the cursor's
// session, and is as long as the limit.
func (f *standIn) RunQuery(r *firestorepb.RunQueryRequest, to firestorepb.Firestore_RunQueryServer) error {
	f.wait()
	query := r.GetStructuredQuery()
	next := 0
	for _, value := range query.GetStartAt().GetValues() {
		if i, ok := placeOf(value.GetReferenceValue()); ok {
			next = i + 1
		}
	}
	same := map[string]*firestorepb.Value{}
	equal(query.GetWhere(), same)
	for end := min(f.n, next+int(query.GetLimit().GetValue())); next < end; next++ {
		f.documents.Add(1)
		document := sessionDocument(r.GetParent()+"/sessions", next, same)
		if err := to.Send(&firestorepb.RunQueryResponse{Document: document, ReadTime: timestamppb.Now()}); err != nil {
			return err
		}
	}
	return nil
}

// equal collects what a filter asks to be equal.
func equal(filter *firestorepb.StructuredQuery_Filter, same map[string]*firestorepb.Value) {
	for _, part := range filter.GetCompositeFilter().GetFilters() {
		equal(part, same)
	}
	if field := filter.GetFieldFilter(); field.GetOp() == firestorepb.StructuredQuery_FieldFilter_EQUAL {
		same[field.GetField().GetFieldPath()] = field.GetValue()
	}
}

// placeOf is the place of a session in the list, of its document's name.
func placeOf(name string) (i int, ok bool) {
	_, digits, found := strings.Cut(path.Base(name), "-0199abcd-0000-7000-8000-")
	if !found {
		return 0, false
	}
	_, err := fmt.Sscanf(digits, "%x", &i)
	return i, err == nil
}

func sessionDocument(collection string, i int, same map[string]*firestorepb.Value) *firestorepb.Document {
	s := session(organization, i)
	sum := sha256.Sum256([]byte(s.ID))
	name := hex.EncodeToString(sum[:1]) + "-" + s.ID
	client := map[string]*firestorepb.Value{"name": text("Studio"), "version": text("4.2.0"), "hostname": text("drawing-room-3"), "project": text("bridge-7")}
	fields := map[string]*firestorepb.Value{
		"status": text(string(license.SessionActive)), "license_id": text(s.LicenseID), "user_id": text(s.UserID), "hardware_id": text(s.HardwareID),
		"acquired_at": moment(s.AcquiredAt.Add(-time.Duration(i) * time.Millisecond)), "last_heartbeat_at": moment(s.LastHeartbeatAt), "expires_at": moment(s.ExpiresAt),
		"epoch": number(1), "part": text(name[:1]),
		"client": {ValueType: &firestorepb.Value_MapValue{MapValue: &firestorepb.MapValue{Fields: client}}},
	}
	maps.Copy(fields, same)
	return documentOf(collection+"/"+name, fields)
}

func documentOf(name string, fields map[string]*firestorepb.Value) *firestorepb.Document {
	now := timestamppb.Now()
	return &firestorepb.Document{Name: name, Fields: fields, CreateTime: now, UpdateTime: now}
}

func text(s string) *firestorepb.Value {
	return &firestorepb.Value{ValueType: &firestorepb.Value_StringValue{StringValue: s}}
}

func number(n int64) *firestorepb.Value {
	return &firestorepb.Value{ValueType: &firestorepb.Value_IntegerValue{IntegerValue: n}}
}

func moment(t time.Time) *firestorepb.Value {
	return &firestorepb.Value{ValueType: &firestorepb.Value_TimestampValue{TimestampValue: timestamppb.New(t)}}
}
