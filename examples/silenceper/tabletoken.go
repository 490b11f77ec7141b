// Package tabletoken lets github.com/silenceper/wechat/v2 read the access_token in wx_token; it never fetches one.
//
//	handle := &tabletoken.Handle{DB: db, AppID: "wx0123456789abcdef"} // db as a user that may do what wx_reader may
//	account := officialaccount.NewOfficialAccount(&config.Config{AppID: handle.AppID, Cache: cache.NewMemory()})
//	account.SetAccessTokenHandle(handle)
//	var addresses []string
//	err := handle.Retry(func() (err error) {
//		addresses, err = account.GetBasic().GetAPIDomainIP()
//		return err
//	})
package tabletoken

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/silenceper/wechat/v2/credential"
	"github.com/silenceper/wechat/v2/util"
)

var _ credential.AccessTokenHandle = (*Handle)(nil)

// Handle is the access_token of one account.
type Handle struct {
	DB    *sql.DB
	AppID string
}

// GetAccessToken reads the row, for each call of WeChat's API.
func (h *Handle) GetAccessToken() (string, error) {
	_, token, err := h.read()
	return token, err
}

// Retry makes a call of WeChat's API. If WeChat refuses the token, Retry requests its refresh, and repeats the call if the row
// has a newer one by now. Else the caller gets the call's error: the refresh comes with the next run, within a minute or two. A
// web request should not wait for that: answer 503 with Retry-After: 60, or put the work back into its queue.
func (h *Handle) Retry(call func() error) error {
	id, before, err := h.read()
	if err != nil {
		return err
	}
	refused := call()
	var weChat *util.CommonError
	if !errors.As(refused, &weChat) || weChat.ErrCode != 40001 && weChat.ErrCode != 40014 && weChat.ErrCode != 42001 {
		return refused
	}
	// Changes nothing if the row has a newer token by now.
	if _, err = h.DB.Exec(
		"UPDATE wx_token SET refresh_requested = 1 WHERE id = ? AND value = ? AND refresh_requested = 0", id, before); err != nil {
		return err
	}
	if _, now, err := h.read(); err != nil || now == before {
		return refused
	}
	return call()
}

func (h *Handle) read() (id int, token string, err error) {
	err = h.DB.QueryRow(
		"SELECT id, value FROM wx_token WHERE app_id = ? AND type = 'access_token' AND value <> ''", h.AppID).Scan(&id, &token)
	if err != nil {
		err = fmt.Errorf("the access_token of %s in wx_token: %w", h.AppID, err)
	}
	return id, token, err
}
